# Tables and figures, from the small files that the other rules leave: seconds of work, done where Snakemake
# itself runs when the rest goes to a cluster.
localrules:
    all,
    table,
    samples,
    figure,
    drag_table,


def metric_files(wildcards):
    """Return the metrics a table shows."""
    profile = profile_of(wildcards)
    return list(
        dict.fromkeys(
            f"{wildcards.root}/metrics/{run}/{style['file']}.json"
            for section in PARAMS.sections(wildcards.table).values()
            for _, style in PARAMS.measures(section, profile)
            for run in PARAMS.runs(section, profile)
        )
    )


def segmenter_facts(wildcards):
    """Return what says how good the trained segmenters are that a table compares."""
    profile = profile_of(wildcards)
    return [
        f"{wildcards.root}/segmenters/{dataset}/{name}.json"
        for section in PARAMS.sections(wildcards.table).values()
        for dataset in PARAMS.columns(section, profile)
        for name in section.get("segmenters", [])
        if name in TRAINERS
    ]


def run_files(runs, root, name):
    """Return a file of each run."""
    return [f"{root}/runs/{run}/{name}" for run in runs]


def runs_of_table(wildcards):
    return table_runs(wildcards.table, profile_of(wildcards))


def runs_of_figure(wildcards):
    return PARAMS.runs(PARAMS.figure(wildcards.figure), profile_of(wildcards))


def table_cfg(wildcards):
    """Return what params/ says about a table and all it shows."""
    sections = PARAMS.sections(wildcards.table)
    rows = {row: PARAMS.rows[row]["title"] for item in sections.values() for row in item["rows"]}
    profile = profile_of(wildcards)
    data = {
        name: [PARAMS.source(name, profile), PARAMS.dataset(name)["paper_name"]]
        for item in sections.values()
        for name in PARAMS.columns(item, profile)
    }
    title = PARAMS.tables[wildcards.table]["title"]
    return as_json([title, sections, rows, data, PARAMS.metrics])


rule table:
    input:
        metrics=metric_files,
        segmenters=segmenter_facts,
        facts=lambda w: run_files(runs_of_table(w), w.root, "train.json"),
        samples="{root}/figures/{table}_samples.png",
    output:
        "{root}/tables/{table}.md",
        report(
            "{root}/tables/{table}.html",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        "{root}/tables/{table}.tex",
        report(
            "{root}/tables/{table}.csv",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}, all numbers (CSV)"},
        ),
        "{root}/numbers/{table}.json",
    log:
        "{root}/logs/tables/{table}.log",
    benchmark:
        "{root}/benchmarks/tables/{table}.tsv"
    params:
        profile=profile_of,
        cfg=table_cfg,
        code=code_digest("spatialgan.reporting.tables.write_table"),
    shell:
        "spatialgan table {wildcards.table} -p {params.profile} > {log} 2>&1"


rule samples:
    input:
        samples=lambda w: [ancient(f) for f in run_files(runs_of_table(w), w.root, "samples.png")],
        facts=lambda w: run_files(runs_of_table(w), w.root, "train.json"),
    output:
        report(
            "{root}/figures/{table}_samples.png",
            caption="../report/samples.rst",
            category="Samples",
            labels={"table": "{table}"},
        ),
    log:
        "{root}/logs/figures/{table}_samples.log",
    benchmark:
        "{root}/benchmarks/figures/{table}_samples.tsv"
    params:
        profile=profile_of,
        cfg=table_cfg,
        code=code_digest("spatialgan.reporting.figures.write_figure", {"FIGURES": "samples"}),
    shell:
        "spatialgan figure {wildcards.table}_samples -p {params.profile} > {log} 2>&1"


rule figure:
    input:
        lambda w: run_files(runs_of_figure(w), w.root, "curves.csv"),
    output:
        report(
            "{root}/figures/{figure}.png",
            caption="../report/figure.rst",
            category="Training",
            subcategory="several rows",
            labels={"figure": "{figure}"},
        ),
    log:
        "{root}/logs/figures/{figure}.log",
    benchmark:
        "{root}/benchmarks/figures/{figure}.tsv"
    wildcard_constraints:
        figure="|".join(name for name in PARAMS.figures if name not in [*GALLERIES, *DRAG_FIGURES]),
    params:
        profile=profile_of,
        cfg=lambda w: as_json(PARAMS.figure(w.figure)),
        code=lambda w: code_digest(
            "spatialgan.reporting.figures.write_figure",
            {"FIGURES": PARAMS.figure(w.figure)["kind"]},
        ),
    shell:
        "spatialgan figure {wildcards.figure} -p {params.profile} > {log} 2>&1"
