# A training is repeated because something it depends on changed, never because its weights were not pulled:
# in a fresh clone they are in DVC's remote, and what says that they were made (the small files) is in git.
# And none is taken for current only because nobody recorded how it was made.
from snakemake.exceptions import WorkflowError
from snakemake.io import IOFile


def manifest_of_training(wildcards):
    """Return the manifest of the data that a training learns from.

    Raises WorkflowError where the training was made with other parameters and came without Snakemake's record,
    by which alone it would see that.
    """
    facts = f"{wildcards.root}/runs/{wildcards.dataset}/{wildcards.row}/{wildcards.seed}/train.json"
    if os.path.exists(facts) and workflow.persistence.metadata(IOFile(facts)) is None:
        made = dict(settings_in(json.loads(Path(facts).read_text())["identity"]))
        wanted = dict(settings_in(run_of(wildcards).identity()))
        if wanted["training.precision"] == "auto":  # decided by the machine that trains
            wanted["training.precision"] = made["training.precision"]
        changed = [name for name in {**made, **wanted} if made.get(name) != wanted.get(name)]
        if changed:
            raise WorkflowError(
                f"{facts}: made with other parameters than params/ has now ({', '.join(changed)}), and without"
                f" its record in .snakemake/metadata: to train it again, remove {os.path.dirname(facts)}."
            )
    return f"{wildcards.root}/datasets/{wildcards.dataset}.json"


def settings_in(identity, place=""):
    """Yield name and value of every setting of a run."""
    for name, value in identity.items():
        if isinstance(value, dict):
            yield from settings_in(value, f"{place}{name}.")
        else:
            yield place + name, value


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
