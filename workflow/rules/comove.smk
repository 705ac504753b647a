# How well images obey their layouts: the Co-move Ratio, by a segmenter, and how local edits are.
from spatialgan.segmenters.registry import SEGMENTERS, weights_path
from spatialgan.segmenters.training import TRAINERS


def segmenter_of(wildcards):
    """Return the segmenter a file is made with: the one its name says, or the profile's."""
    return wildcards.get("segmenter", PARAMS.profile(profile_of(wildcards))["segmenter"])


def segmenter_weights(wildcards):
    """Return the weights of the segmenter, and what says how a trained one was made."""
    name = segmenter_of(wildcards)
    if "segmenter" in wildcards.keys():
        run = f"{wildcards.dataset}/{wildcards.row}/{wildcards.seed}"
        check_installed(name, f"{wildcards.root}/metrics/{run}/comove_{name}.json")
    weights = weights_path(name, Results(Path(wildcards.root)), wildcards.dataset)
    facts = [str(Results(Path(wildcards.root)).segmenter(wildcards.dataset, name).record)] if name in TRAINERS else []
    return [ancient(str(weights)), *facts]


def comove_settings(wildcards):
    """Return what the profile says about measuring."""
    moves = PARAMS.profile(profile_of(wildcards))["num_comove"]
    return {"num_comove": moves, "segmenter": segmenter_of(wildcards)}


def segmenter_option(wildcards):
    """Return the option of the command where the file's name says a segmenter."""
    return f" --segmenter {wildcards.segmenter}" if "segmenter" in wildcards.keys() else ""


def comove_code(wildcards):
    """Return the digest of the code that moves, segments and scores."""
    chosen = {"SEGMENTERS": segmenter_of(wildcards)}
    opening = code_digest("spatialgan.segmenters.registry.open_segmenter", chosen)
    return [run_of(wildcards).code("spatialgan.evaluation.comove.measure_comove"), opening]


rule comove:
    input:
        snapshot=ancient("{root}/snapshots/{dataset}/{row}/{seed}.safetensors"),
        facts="{root}/runs/{dataset}/{row}/{seed}/train.json",
        segmenter=segmenter_weights,
    output:
        "{root}/metrics/{dataset}/{row}/{seed}/comove.json",
    log:
        "{root}/logs/comove/{dataset}/{row}/{seed}.log",
    benchmark:
        "{root}/benchmarks/comove/{dataset}/{row}/{seed}.tsv"
    conda:
        lambda w: segmenter_environment(segmenter_of(w))
    threads: 1
    resources:
        gpu=min(1, GPUS),
    params:
        profile=profile_of,
        cfg=lambda w: as_json(comove_settings(w)),
        code=comove_code,
        option=segmenter_option,
    shell:
        "python -m spatialgan comove {wildcards.dataset}/{wildcards.row}/{wildcards.seed}"
        " -p {params.profile}{params.option} > {log} 2>&1"


use rule comove as comove_by with:
    output:
        "{root}/metrics/{dataset}/{row}/{seed}/comove_{segmenter}.json",
    log:
        "{root}/logs/comove_{segmenter}/{dataset}/{row}/{seed}.log",
    benchmark:
        "{root}/benchmarks/comove_{segmenter}/{dataset}/{row}/{seed}.tsv"
    wildcard_constraints:
        segmenter="|".join(SEGMENTERS),


rule locality:
    input:
        snapshot=ancient("{root}/snapshots/{dataset}/{row}/{seed}.safetensors"),
        facts="{root}/runs/{dataset}/{row}/{seed}/train.json",
    output:
        "{root}/metrics/{dataset}/{row}/{seed}/locality.json",
    log:
        "{root}/logs/locality/{dataset}/{row}/{seed}.log",
    benchmark:
        "{root}/benchmarks/locality/{dataset}/{row}/{seed}.tsv"
    resources:
        gpu=min(1, GPUS),
    params:
        profile=profile_of,
        cfg=lambda w: as_json(PARAMS.profile(profile_of(w))["num_comove"]),
        code=lambda w: run_of(w).code("spatialgan.evaluation.locality.measure_locality"),
    shell:
        "spatialgan locality {wildcards.dataset}/{wildcards.row}/{wildcards.seed}"
        " -p {params.profile} > {log} 2>&1"
