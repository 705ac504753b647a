# Tables and figures, from the small files that the other rules leave: seconds of work, done where Snakemake itself
# runs when the rest goes to a cluster. Galleries and drags are drawn by models.
localrules:
    all,
    data,
    segmenters,
    runs,
    metrics,
    table,
    samples,
    figure,
    curves,


def figures_of(*kinds):
    """Return a regular expression of the figures of some kinds in params/figures.yaml."""
    return one_of(name for name, item in PARAMS.figures.items() if item["kind"] in kinds)


rule table:
    input:
        inputs_of("table"),
    output:
        str(FILES.table("{table}", ".json")),
        str(FILES.table("{table}", ".md")),
        report(
            str(FILES.table("{table}", ".html")),
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        str(FILES.table("{table}", ".tex")),
        report(
            str(FILES.table("{table}", ".csv")),
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}, all numbers (CSV)"},
        ),
        str(FILES.numbers("{table}")),
    log:
        str(FILES.log("tables", "{table}")),
    benchmark:
        str(FILES.timing("tables", "{table}"))
    params:
        profile=profile_of,
    shell:
        "spatialgan table {wildcards.table} -p {params.profile} > {log} 2>&1"


rule figure:
    input:
        inputs_of("figure"),
    output:
        report(
            str(FILES.figure("{figure}")),
            caption="../report/figure.rst",
            category="Training",
            subcategory="several rows",
            labels={"figure": "{figure}"},
        ),
    log:
        str(FILES.log("figures", "{figure}")),
    benchmark:
        str(FILES.timing("figures", "{figure}"))
    wildcard_constraints:
        figure=figures_of("curves", "history"),
    params:
        profile=profile_of,
    shell:
        "spatialgan figure {wildcards.figure} -p {params.profile} > {log} 2>&1"


use rule figure as samples with:
    output:
        report(
            str(FILES.figure("{figure}")),
            caption="../report/samples.rst",
            category="Samples",
            labels={"table": "{figure}"},
        ),
    wildcard_constraints:
        figure=one_of(f"{table}_samples" for table in PARAMS.tables),


use rule figure as gallery with:
    output:
        report(
            str(FILES.figure("{figure}")),
            caption="../report/gallery.rst",
            category="Edits",
            labels={"gallery": "{figure}"},
        ),
    wildcard_constraints:
        figure=figures_of("gallery"),


use rule figure as drag_figure with:
    output:
        report(
            str(FILES.figure("{figure}")),
            caption="../report/drag_figure.rst",
            category="Edits",
            labels={"gallery": "{figure}"},
        ),
    wildcard_constraints:
        figure=figures_of("drags"),


use rule figure as ways_figure with:
    output:
        report(
            str(FILES.figure("{figure}")),
            caption="../report/ways.rst",
            category="Edits",
            labels={"gallery": "{figure}"},
        ),
    wildcard_constraints:
        figure=figures_of("ways"),


rule curves:
    input:
        inputs_of("curves"),
    output:
        report(
            str(FILES.run(RUN).curves_figure),
            caption="../report/curves.rst",
            category="Training",
            subcategory="{dataset}",
            labels={"row": "{row}", "seed": "{seed}"},
        ),
    log:
        str(FILES.log("curves", RUN)),
    benchmark:
        str(FILES.timing("curves", RUN))
    params:
        profile=profile_of,
        run=run_name,
    shell:
        "spatialgan curves {params.run} -p {params.profile} > {log} 2>&1"
