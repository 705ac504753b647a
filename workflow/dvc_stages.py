"""Write dvc.yaml: what Snakemake would make for `all` in the default profile, as five stages of DVC.

    python -m workflow.dvc_stages            # writes dvc.yaml, as `make dvc.yaml` does
    python -m workflow.dvc_stages --check    # exits with 1 where it is not what it should be

Nothing is listed by hand: Snakemake is asked for its whole plan, and a file belongs to a stage by the
folder it lies in. Every stage runs Snakemake, which alone decides what is made again; DVC stores the
heavy files, says what changed since, and compares commits.
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import yaml

from spatialgan.params import Params, load_params

HEAD = """\
# Written by `make dvc.yaml` from params/ and the workflow's own plan: edit those. docs/dvc.md explains it.
# Outputs are persistent, so that DVC never deletes what Snakemake would have kept.
"""
CODE = ["Snakefile", "workflow/rules", "spatialgan"]
CURVES = {
    "Loss of the generator": "loss_g",
    "Loss of the discriminator": "loss_d",
    "Alignment loss": "alignment",
    "IoU of heatmaps and attention": "iou",
}
JOB = re.compile(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", re.MULTILINE)
OUTPUT = re.compile(r"^    output: (.*)$", re.MULTILINE)


def planned_files() -> dict[str, list[str]]:
    """Return the outputs of every rule that `snakemake all` runs from nothing, by rule; all sorted."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run", "--forceall", "all"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(run.stdout + run.stderr)
    files: dict[str, set[str]] = {}
    for rule, fields in JOB.findall(run.stdout + run.stderr):
        for line in OUTPUT.findall(fields):
            files.setdefault(rule, set()).update(line.split(", "))
    return {rule: sorted(files[rule]) for rule in sorted(files)}  # the plan's order varies


def stages(files: dict[str, list[str]], params: Params) -> dict:
    """Return the contents of dvc.yaml for the outputs of all rules."""
    root, profile = params.root(params.default_profile), params.default_profile
    rules: dict[str, list[str]] = {}  # by folder of their outputs
    outputs: dict[str, list[str]] = {}
    for rule, paths in files.items():
        for folder in {Path(path).relative_to(root).parts[0] for path in paths}:
            rules.setdefault(folder, []).append(rule)
        for path in paths:
            outputs.setdefault(Path(path).relative_to(root).parts[0], []).append(path)
    runs = [
        path
        for path in outputs["runs"]
        if Path(path).name in ("generator.safetensors", "train.json")
    ]
    budget = {"params/profiles.yaml": ["default", f"profiles.{profile}"]}
    # whole files: DVC takes quadratic time over a list of rows
    data, rows = {"params/datasets.yaml": None}, {"params/runs.yaml": None}
    drawn = _small(outputs["datasets"])
    trained = _small(runs)
    segmented = _small(outputs["segmenters"])
    pages = [name for name, page in params.tables.items() if "sections" in page]  # of other tables
    compared = [
        path
        for path in outputs["tables"]
        if Path(path).suffix == ".json" and Path(path).stem not in pages
    ]
    shown = [*outputs["tables"], *outputs["figures"]]
    return {
        "stages": {
            "datasets": _stage(rules["datasets"], [], [budget, data], outputs["datasets"]),
            "segmenters": _stage(rules["segmenters"], [], [budget, data], outputs["segmenters"]),
            "runs": _stage(["train"], drawn, [budget, rows], runs),
            "metrics": _stage(
                rules["metrics"], [*drawn, *segmented, *trained], [budget], outputs["metrics"]
            ),
            "report": {
                **_stage(
                    [],
                    [*trained, *outputs["metrics"]],
                    [budget, data, rows]
                    + [{f"params/{name}.yaml": None} for name in ("tables", "figures")],
                    [path for path in shown if path not in compared],
                ),
                "metrics": _kept(compared),
            },
        },
        "plots": _plots(outputs, shown),
    }


def _stage(rules: list[str], inputs: list[str], params: list[dict], outputs: list[str]) -> dict:
    """Return a stage that runs Snakemake up to some rules, to the end where there are none."""
    until = f" --until {' '.join(sorted(rules))}" if rules else ""
    return {
        "cmd": f"snakemake --cores all --quiet host{until}",
        "deps": [*CODE, *inputs],
        "params": [{file: keys for one in params for file, keys in one.items()}],
        "outs": _kept(outputs),
    }


def _kept(paths: Iterable[str]) -> list[dict]:
    """Return outputs that DVC keeps between runs: heavy ones in its cache, the small ones in git."""
    small = {"cache": False, "persist": True}
    return [{path: {"persist": True} if _is_heavy(path) else small} for path in paths]


def _is_heavy(path: str) -> bool:
    return Path(path).suffix in (".zip", ".safetensors")


def _small(paths: Iterable[str]) -> list[str]:
    """Return the files that say by hash what the heavy ones beside them are."""
    return [path for path in paths if not _is_heavy(path)]


def _plots(outputs: dict[str, list[str]], shown: list[str]) -> list[dict]:
    curves = [path for path in outputs["runs"] if Path(path).name == "curves.csv"]
    plots: list[dict] = [
        {title: {"x": "kimg", "y": dict.fromkeys(curves, column)}}
        for title, column in CURVES.items()
    ]
    return [*plots, *({path: {}} for path in shown if path.endswith(".png"))]


class Plain(yaml.SafeDumper):
    """YAML without anchors: what is said twice is written twice."""

    def ignore_aliases(self, data: object) -> bool:
        """Return that nothing is referred to."""
        return True


def main() -> None:
    """Write dvc.yaml, or check it."""
    params = load_params()
    wanted = HEAD + yaml.dump(
        stages(planned_files(), params), Dumper=Plain, sort_keys=False, width=100
    )
    path = Path("dvc.yaml")
    if sys.argv[1:] == ["--check"]:
        if not path.is_file() or path.read_text() != wanted:
            sys.exit("dvc.yaml is not what params/ and the workflow say: run `make dvc.yaml`")
    else:
        path.write_text(wanted)


if __name__ == "__main__":
    main()
