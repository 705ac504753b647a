# Measures of a finished run's snapshot, apart from training, so that a mended measure retrains nothing. With
# {measure} a key of MEASURES, or that and a segmenter in place of the profile's (comove_detectron2).


def segmenter_of(wildcards):
    """Return the segmenter that a measure needs, "" where it needs none."""
    return PLAN.step("metric", wildcards).settings.get("segmenter", "")


rule measure:
    input:
        inputs_of("metric"),
    output:
        str(FILES.metric(RUN, "{measure}")),
    log:
        str(FILES.log("measure", f"{RUN}/{{measure}}")),
    benchmark:
        str(FILES.timing("measure", f"{RUN}/{{measure}}"))
    wildcard_constraints:
        measure=measure_pattern(),
    conda:
        lambda w: environment_of(segmenter_of(w))
    threads: MACHINES.threads_of(GPU)
    resources:
        gpu=GPU,
    params:
        profile=profile_of,
        run=run_name,
        options=lambda w: measure_options(w.measure),
    shell:
        "python -m spatialgan measure {params.run} {params.options} -p {params.profile} > {log} 2>&1"
