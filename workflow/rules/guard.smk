# A training is repeated because something it depends on changed, never because its weights were not pulled:
# in a fresh clone they are in DVC's remote, and what says that they were made (the small files) is in git.
from snakemake.exceptions import WorkflowError


def repeated(dag):
    """Return the weights that would be made again although nothing about their making has changed."""
    again = []
    for job in dag.needrun_jobs():
        weights = [path for path in job.output if path.endswith(".safetensors")]
        facts = [path for path in job.output if path.endswith(".json")]
        told = dag.reason(job).forced or dag.workflow.persistence.params_changed(job)
        gone = weights and not any(os.path.exists(path) for path in weights)
        if gone and facts and all(os.path.exists(path) for path in facts) and not told:
            again += weights
    return again


onstart:
    again = repeated(workflow.dag)
    if again and not config.get("train_again"):
        more = f" and {len(again) - 1} more" if len(again) > 1 else ""
        raise WorkflowError(
            f"{again[0]}{more}: made before, and needed, but not here. `dvc pull` brings what is in the"
            " remote; to train again instead, add --config train_again=1."
        )
