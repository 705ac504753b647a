# Dragging: how every method does on a run's images (Tab. II), and what it does to the heatmaps.
from spatialgan.reporting.drag_table import drag_runs


def drag_settings(wildcards):
    """Return what the profile says about measuring."""
    line = PARAMS.profile(profile_of(wildcards))
    steps = line.get("drag_steps", "default")
    return {"num_drags": line["num_drags"], "steps": steps, "segmenter": line["segmenter"]}


def drag_code(wildcards):
    """Return the digest of the code that drags and segments."""
    chosen = {"SEGMENTERS": segmenter_of(wildcards)}
    opening = code_digest("spatialgan.segmenters.registry.open_segmenter", chosen)
    entry = "spatialgan.evaluation.drag_benchmark.measure_drags"
    return [run_of(wildcards).code(entry), opening]


rule drags:
    input:
        snapshot=ancient("{root}/snapshots/{dataset}/{row}/{seed}.safetensors"),
        facts="{root}/runs/{dataset}/{row}/{seed}/train.json",
        segmenter=segmenter_weights,
    output:
        "{root}/metrics/{dataset}/{row}/{seed}/drags.json",
    log:
        "{root}/logs/drags/{dataset}/{row}/{seed}.log",
    benchmark:
        "{root}/benchmarks/drags/{dataset}/{row}/{seed}.tsv"
    conda:
        lambda w: segmenter_environment(segmenter_of(w))
    threads: 1
    resources:
        gpu=min(1, GPUS),
    params:
        profile=profile_of,
        cfg=lambda w: as_json(drag_settings(w)),
        code=drag_code,
    shell:
        "python -m spatialgan drags {wildcards.dataset}/{wildcards.row}/{wildcards.seed}"
        " -p {params.profile} > {log} 2>&1"


def drag_table_cfg(wildcards):
    """Return what params/ says about the table."""
    rows = {name for names in PARAMS.drag["runs"].values() for name in names}
    return as_json([PARAMS.drag, {row: PARAMS.rows[row]["title"] for row in sorted(rows)}])


rule drag_table:
    input:
        lambda w: [f"{w.root}/metrics/{run}/drags.json" for run in drag_runs(PARAMS, profile_of(w))],
    output:
        "{root}/tables/drag.md",
        report(
            "{root}/tables/drag.html",
            caption="../report/drag.rst",
            category="Tables",
            labels={"table": "drag"},
        ),
        report(
            "{root}/tables/drag.csv",
            caption="../report/drag.rst",
            category="Tables",
            labels={"table": "drag, all numbers (CSV)"},
        ),
    log:
        "{root}/logs/tables/drag.log",
    benchmark:
        "{root}/benchmarks/tables/drag.tsv"
    params:
        profile=profile_of,
        cfg=drag_table_cfg,
        code=code_digest("spatialgan.reporting.drag_table.write_drag_table"),
    shell:
        "spatialgan table drag -p {params.profile} > {log} 2>&1"


def drag_figure_code(wildcards):
    """Return the digests of the code that draws the figure, one per run it shows."""
    profile = profile_of(wildcards)
    runs = gallery_runs(PARAMS, PARAMS.figure(wildcards.gallery), profile)
    entry = "spatialgan.dragging.drag_figure.write_drag_figure"
    return [resolve(PARAMS, run, profile).code(entry) for run in runs]


use rule gallery as drag_figure with:
    output:
        report(
            "{root}/figures/{gallery}.png",
            caption="../report/drag_figure.rst",
            category="Edits",
            labels={"gallery": "{gallery}"},
        ),
    wildcard_constraints:
        gallery="|".join(DRAG_FIGURES) or "(?!)",
    params:
        profile=profile_of,
        cfg=lambda w: as_json([PARAMS.figure(w.gallery), drag_settings(w)]),
        code=drag_figure_code,
