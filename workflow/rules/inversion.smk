# How well models invert photos: a study per entry of params/inversions.yaml, and one table. They are made on request, and
# no part of `all`: snakemake results/flagship/tables/inversion.md
localrules:
    inversion_table,


rule inversion:
    input:
        inputs_of("inversion"),
    output:
        str(FILES.inversion("{inversion}", ".json")),
        report(
            str(FILES.inversion("{inversion}", ".png")),
            caption="../report/inversion.rst",
            category="Photos",
            labels={"model": "{inversion}"},
        ),
    log:
        str(FILES.log("inversion", "{inversion}")),
    benchmark:
        str(FILES.timing("inversion", "{inversion}"))
    wildcard_constraints:
        inversion=one_of(PLAN.graph(PROFILE).inversion_items),
    params:
        profile=profile_of,
    shell:
        "spatialgan inversion {wildcards.inversion} -p {params.profile} > {log} 2>&1"


rule inversion_table:
    input:
        inputs_of("inversions"),
    output:
        str(FILES.table("inversion", ".json")),
        report(
            str(FILES.table("inversion", ".md")),
            caption="../report/inversion.rst",
            category="Photos",
            labels={"model": "all"},
        ),
    log:
        str(FILES.log("inversion", "table")),
    benchmark:
        str(FILES.timing("inversion", "table"))
    params:
        profile=profile_of,
    shell:
        "spatialgan inversion table -p {params.profile} > {log} 2>&1"
