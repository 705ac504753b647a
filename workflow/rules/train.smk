# Training: one job per run. What it needs to go on after a kill lies in {root}/resume/, which is no output,
# because Snakemake deletes the outputs of a job that didn't finish. A training that was asked to stop exits
# with 75; how often a job is tried again stands in the profile (`retries`). On a cluster it is asked by SIGTERM,
# which must reach it and not a shell in between: hence `exec`.


def training_gpus(wildcards):
    """Return how many GPUs a training uses; the result doesn't depend on it."""
    return min(NODES * GPUS, run_of(wildcards).execution.num_processes)


def training_nodes(wildcards):
    """Return over how many machines those are spread."""
    return max(1, -(-training_gpus(wildcards) // max(1, GPUS)))


def launcher(wildcards):
    """Return what starts a training: the command, one process per GPU, or that on several machines."""
    gpus, nodes = training_gpus(wildcards), training_nodes(wildcards)
    if gpus <= 1:
        return "spatialgan"
    if nodes == 1:
        return f"torchrun --standalone --nproc-per-node {gpus} -m spatialgan"
    if gpus % nodes:
        raise WorkflowError(
            f"{gpus} processes on {nodes} machines: choose gpus= so that they divide"
        )
    return f"workflow/scripts/on_nodes.sh {nodes} {gpus // nodes} -m spatialgan"


rule train:
    input:
        archive=ancient("{root}/archives/{dataset}.zip"),
        manifest=manifest_of_training,
    output:
        snapshot="{root}/snapshots/{dataset}/{row}/{seed}.safetensors",
        facts="{root}/runs/{dataset}/{row}/{seed}/train.json",
        curves="{root}/runs/{dataset}/{row}/{seed}/curves.csv",
        samples="{root}/runs/{dataset}/{row}/{seed}/samples.png",
        attention="{root}/runs/{dataset}/{row}/{seed}/attention.png",
    log:
        "{root}/logs/train/{dataset}/{row}/{seed}.log",
    benchmark:
        "{root}/benchmarks/train/{dataset}/{row}/{seed}.tsv"
    # Without a GPU two trainings of one thread each are faster than one of two. Snakemake passes the number
    # on as OMP_NUM_THREADS.
    threads: lambda w: max(1, 4 * training_gpus(w))
    resources:
        nodes=training_nodes,
        gpu=training_gpus,
        launcher=launcher,
    params:
        profile=profile_of,
        cfg=lambda w: as_json(run_of(w).identity()),
        code=lambda w: run_of(w).code("spatialgan.training.loop.train"),
    shell:
        "exec {resources.launcher} train {wildcards.dataset}/{wildcards.row}/{wildcards.seed}"
        " -p {params.profile} > {log} 2>&1"


rule curves:
    input:
        "{root}/runs/{dataset}/{row}/{seed}/curves.csv",
    output:
        report(
            "{root}/runs/{dataset}/{row}/{seed}/curves.png",
            caption="../report/curves.rst",
            category="Training",
            subcategory="{dataset}",
            labels={"row": "{row}", "seed": "{seed}"},
        ),
    log:
        "{root}/logs/curves/{dataset}/{row}/{seed}.log",
    benchmark:
        "{root}/benchmarks/curves/{dataset}/{row}/{seed}.tsv"
    params:
        profile=profile_of,
        code=code_digest("spatialgan.reporting.curves.write_curves"),
    shell:
        "spatialgan curves {wildcards.dataset}/{wildcards.row}/{wildcards.seed}"
        " -p {params.profile} > {log} 2>&1"
