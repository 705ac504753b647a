# Training: one job per run. What it needs to go on after a kill lies in {root}/resume/, which is no output,
# because Snakemake deletes the outputs of a job that didn't finish. A training that was asked to stop exits
# with 75; how often a job is tried again stands in the profile (`retries`).


def training_gpus(wildcards):
    """Return how many of this machine's GPUs a training uses; the result doesn't depend on it."""
    return min(GPUS, run_of(wildcards).execution.num_processes)


def launcher(wildcards):
    """Return what starts a training: the command, or one process per GPU."""
    gpus = training_gpus(wildcards)
    if gpus > 1:
        return f"torchrun --standalone --nproc-per-node {gpus} -m spatialgan"
    return "spatialgan"


rule train:
    input:
        archive=ancient("{root}/datasets/{dataset}.zip"),
        manifest="{root}/datasets/{dataset}.json",
    output:
        snapshot="{root}/runs/{dataset}/{row}/{seed}/generator.safetensors",
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
        gpu=training_gpus,
        launcher=launcher,
    params:
        profile=profile_of,
        cfg=lambda w: as_json(run_of(w).identity()),
        code=lambda w: run_of(w).code("spatialgan.training.loop.train"),
    shell:
        "{resources.launcher} train {wildcards.dataset}/{wildcards.row}/{wildcards.seed}"
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
