# Segmenters: trained on drawn scenes, scored on others. Published weights lie in data/weights/ and no rule
# makes them.
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod
from spatialgan.segmenters.detectron import require
from spatialgan.segmenters.registry import weights_path
from spatialgan.segmenters.training import TRAINERS


def segmenter_training(wildcards):
    """Return what the training learns from and for how long."""
    profile = profile_of(wildcards)
    steps = PARAMS.profile(profile).get("segmenter_steps", "default")
    return {"source": PARAMS.source(wildcards.dataset, profile), "steps": steps}


def segmenter_code(wildcards):
    """Return the digest of the code that draws, trains and scores."""
    source = PARAMS.source(wildcards.dataset, profile_of(wildcards))
    name = wildcards.trained
    chosen = {"TRAINERS": name, "SEGMENTERS": name, "DRAWINGS": source.get("scene", "")}
    return code_digest("spatialgan.segmenters.training.train_segmenter", chosen)


def segmenter_environment(name):
    """Return the environment that a job with this segmenter runs in, None where it is the workflow's own."""
    return "../envs/detectron2.yaml" if name.startswith("detectron2") else None


def check_installed(name, made):
    """Raise WorkflowError that says how to install a segmenter's library, unless `made` is there already.

    Said before anything runs, not by the last job after hours; what came with git needs no library.
    """
    method = workflow.deployment_settings.deployment_method
    if (
        segmenter_environment(name)
        and DeploymentMethod.CONDA not in method
        and not os.path.exists(made)
    ):
        try:
            require()
        except ValueError as error:
            raise WorkflowError(str(error)) from None


def nothing_but_a_library(wildcards):
    """Return that a segmenter is trained from no file; raises WorkflowError where its library is missing."""
    weights = weights_path(wildcards.trained, Results(Path(wildcards.root)), wildcards.dataset)
    check_installed(wildcards.trained, Results(Path(wildcards.root)).segmenter(wildcards.dataset, wildcards.trained).record)
    return []


rule segmenter:
    input:
        nothing_but_a_library,
    output:
        weights="{root}/weights/{dataset}/{trained}.safetensors",
        facts="{root}/segmenters/{dataset}/{trained}.json",
    log:
        "{root}/logs/segmenter/{dataset}/{trained}.log",
    benchmark:
        "{root}/benchmarks/segmenter/{dataset}/{trained}.tsv"
    wildcard_constraints:
        trained="|".join(TRAINERS),
    conda:
        lambda w: segmenter_environment(w.trained)
    # Without a GPU, as for a training: one thread each for two jobs is faster than two for one.
    threads: 1
    resources:
        gpu=min(1, GPUS),
    params:
        profile=profile_of,
        cfg=lambda w: as_json(segmenter_training(w)),
        code=segmenter_code,
    shell:
        "python -m spatialgan segmenter {wildcards.dataset} -p {params.profile} --segmenter {wildcards.trained}"
        " > {log} 2>&1"
