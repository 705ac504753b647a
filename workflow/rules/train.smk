# Training: one job per run. What it needs to resume after a kill is in {root}/resume/, which is no output, because
# Snakemake deletes the outputs of a job that didn't finish. A training that was asked to stop exits with 75; how
# often a job is tried again is in the profile (`retries`). On a cluster it is asked by SIGTERM, which must reach it
# and not a shell in between: hence `exec`. After a workflow was killed its trainings go on: a workflow that is started
# again waits for them (`--wait`).


def training_gpus(wildcards):
    """Return how many GPUs a training uses."""
    return MACHINES.gpus_of(PLAN.config(wildcards))


rule train:
    input:
        inputs_of("run"),
    output:
        snapshot=str(FILES.run(RUN).snapshot),
        record=str(FILES.run(RUN).record),
        curves=str(FILES.run(RUN).curves),
        samples=str(FILES.run(RUN).samples),
        attention=str(FILES.run(RUN).attention),
    log:
        str(FILES.log("train", RUN)),
    benchmark:
        str(FILES.timing("train", RUN))
    threads: lambda w: MACHINES.threads_of(training_gpus(w))
    resources:
        nodes=lambda w: MACHINES.nodes_of(training_gpus(w)),
        gpu=training_gpus,
        launcher=lambda w: in_one_line(lambda: MACHINES.launcher(PLAN.config(w))),
    params:
        profile=profile_of,
        run=run_name,
    shell:
        "exec {resources.launcher} train {params.run} -p {params.profile} --wait > {log} 2>&1"
