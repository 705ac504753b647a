# Analyses: every figure of the paper as numbers with intervals and controls, and what that says of its claims. They are
# made on request, and no part of `all`: some look at the discriminators of trainings, which are in the last checkpoints
# and in no result, so where weights came from DVC they can't be made.
localrules:
    analyses,
    claims,


rule analyses:
    input:
        [str(path) for step in PLAN.graph(PROFILE).evidence() for path in step.outputs],


rule analysis:
    input:
        inputs_of("analysis"),
    output:
        str(FILES.analysis("{analysis}", ".json")),
        report(
            str(FILES.analysis("{analysis}", ".md")),
            caption="../report/analysis.rst",
            category="Evidence",
            labels={"analysis": "{analysis}", "shows": "numbers"},
        ),
        report(
            str(FILES.analysis("{analysis}", ".png")),
            caption="../report/analysis.rst",
            category="Evidence",
            labels={"analysis": "{analysis}", "shows": "picture"},
        ),
    log:
        str(FILES.log("analyses", "{analysis}")),
    benchmark:
        str(FILES.timing("analyses", "{analysis}"))
    wildcard_constraints:
        analysis=one_of(PARAMS.analyses),
    params:
        profile=profile_of,
        paper=lambda w: PARAMS.analysis(w.analysis)["paper"],
    shell:
        "spatialgan analysis {wildcards.analysis} -p {params.profile} > {log} 2>&1"


rule claims:
    input:
        inputs_of("claims"),
    output:
        str(FILES.analysis("claims", ".json")),
        report(
            str(FILES.analysis("claims", ".md")),
            caption="../report/claims.rst",
            category="Evidence",
            labels={"analysis": "all", "shows": "claims"},
        ),
    log:
        str(FILES.log("analyses", "claims")),
    benchmark:
        str(FILES.timing("analyses", "claims"))
    params:
        profile=profile_of,
    shell:
        "spatialgan analysis claims -p {params.profile} > {log} 2>&1"
