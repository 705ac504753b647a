# Data sets and segmenters. Their archives and weights are heavy; a small record of each holds the hash.


rule prepare:
    input:
        inputs_of("dataset"),
    output:
        archive=str(FILES.dataset("{dataset}").archive),
        manifest=str(FILES.dataset("{dataset}").manifest),
    log:
        str(FILES.log("prepare", "{dataset}")),
    benchmark:
        str(FILES.timing("prepare", "{dataset}"))
    params:
        profile=profile_of,
    shell:
        "spatialgan prepare {wildcards.dataset} -p {params.profile} > {log} 2>&1"


# Segmenters that are trained on drawn scenes. Published weights are in data/weights/ and no rule makes them.
rule segmenter:
    input:
        inputs_of("segmenter"),
    output:
        weights=str(FILES.segmenter("{dataset}", "{trained}").weights),
        record=str(FILES.segmenter("{dataset}", "{trained}").record),
    log:
        str(FILES.log("segmenter", "{dataset}/{trained}")),
    benchmark:
        str(FILES.timing("segmenter", "{dataset}/{trained}"))
    # First of all: what can't start because a library is missing says so before hours of training.
    priority: 1
    conda:
        lambda w: environment_of(w.trained)
    threads: MACHINES.threads_of(GPU)
    resources:
        gpu=GPU,
    params:
        profile=profile_of,
    shell:
        "python -m spatialgan segmenter {wildcards.dataset} -p {params.profile} --segmenter {wildcards.trained}"
        " > {log} 2>&1"
