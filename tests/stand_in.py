"""A stand-in for the command line, for tests of the workflow around it: the same files at once, and no training.

A file's bytes depend on the step's settings and inputs, as the real command's do; tables are the real ones. Weights
and data sets are over 1 MB, because Snakemake compares small files by their checksums and large ones by time. A
"training" takes STEPS steps of the seconds in the environment variable STEP_SECONDS, resumes from its checkpoint, and
notes what it did in the file that the environment variable DIARY names.
"""

import hashlib
import json
import os
import sys
import time
from pathlib import Path

from PIL import Image

from spatialgan.provenance import source_commit
from spatialgan.records import write_record
from spatialgan.results import Results
from spatialgan.settings.params import Params, load_params
from spatialgan.upkeep.graph import CLAIMS, Graph
from spatialgan.upkeep.steps import HASH_KEYS, Step, stamp

HEAVY = 1_500_000  # bytes
STEPS = 20


def main() -> None:
    """Do as the command line says."""
    command, name = sys.argv[1:3]
    params, profile = load_params(), _option("-p")
    graph = Graph(params, profile)
    step = {
        "prepare": lambda: graph.dataset(name),
        "segmenter": lambda: graph.segmenter(name, _option("--segmenter")),
        "train": lambda: graph.run(name),
        "measure": lambda: graph.metric(name, _option("--what"), _option("--segmenter")),
        "curves": lambda: graph.curves(name),
        "table": lambda: graph.table(name),
        "figure": lambda: graph.figure(name),
        "analysis": lambda: graph.claims() if name == CLAIMS else graph.analysis(name),
    }[command]()
    with stamp(params, step) as made:
        if step.kind == "run":
            _pretend_to_train(params.results(profile), name)
        if step.kind == "table":
            from spatialgan.reporting.tables import write_table

            write_table(params, name, profile)
        else:
            pretend(step, made)


def pretend_all(params: Params, steps: list[Step]) -> None:
    """Make some steps and all that they need, without commands; what is there stays."""
    for step in steps:
        pretend_all(params, list(step.needs))
        if not step.record.is_file():
            with stamp(params, step) as made:
                pretend(step, made)


def pretend(step: Step, made: dict) -> None:
    """Write the files of a step; their bytes depend on its stamp, as far as that says what is in them."""
    meaning = [step.name, made["settings"], made["inputs"]]
    sha256 = "".join(_heavy(path, meaning) for path in step.heavy)
    for path in step.small:
        _small(path, meaning)
    if step.record.suffix == ".json":
        record = {HASH_KEYS[step.kind]: sha256} if sha256 else {}
        record |= {"commit": source_commit(), "kimg": STEPS, "resolution": 16, "precision": "fp32"}
        if step.kind == "metric":
            record |= _measured(step)
        step.record.parent.mkdir(parents=True, exist_ok=True)
        write_record(step.record, record)


def _measured(step: Step) -> dict:
    """Return a measure's numbers, which depend on the weights."""
    run, sha256 = step.name.rpartition("/")[0], step.needs[0].result_hash()
    dataset, row, seed = run.split("/")
    names = ("fid", "kid", "precision", "recall", "comove")
    return {
        **{"run": run, "dataset": dataset, "row": row, "seed": int(seed)},
        "snapshot_sha256": sha256,
        "protocol": {"num_real": 9, "num_fake": 9, "dataset_sha256": "0"},
        "metrics": {name: _number(sha256, name) for name in names},
        "metric_ids": {"fid": "scene_fid9"},
        "sample_seed": 0,
    }


def _pretend_to_train(results: Results, run: str) -> None:
    """Count steps, with a checkpoint after each."""
    state = results.resume(run) / "checkpoint"
    state.parent.mkdir(parents=True, exist_ok=True)
    done = int(state.read_text()) if state.exists() else 0
    _note(f"{run} from {done}")
    for step in range(done, STEPS):
        time.sleep(float(os.environ.get("STEP_SECONDS", "0")))
        state.write_text(str(step + 1))
    state.unlink()
    _note(f"{run} finished")


def _heavy(path: Path, meaning: object) -> str:
    """Write a large file whose bytes depend on its meaning; return its sha256."""
    seed = hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).digest()
    data = seed * (HEAVY // len(seed))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _small(path: Path, meaning: object) -> None:
    """Write a picture, curves or text whose bytes depend on its meaning."""
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = [_number(json.dumps(meaning, sort_keys=True), place) for place in range(STEPS)]
    if path.suffix == ".png":
        Image.new("RGB", (8, 8), tuple(number % 256 for number in numbers[:3])).save(path)
    elif path.suffix == ".json":
        path.write_text("{}")
    else:
        lines = "".join(f"{place},{number}\n" for place, number in enumerate(numbers))
        path.write_text(f"kimg,loss_g\n{lines}")


def _number(text: str, salt: object) -> int:
    """Return a number that looks measured."""
    return int(hashlib.sha256(f"{text} {salt}".encode()).hexdigest()[:4], 16)


def _option(name: str) -> str:
    """Return the value of an option of the command line, "" where it isn't given."""
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else ""


def _note(line: str) -> None:
    """Add a line to the diary."""
    with Path(os.environ["DIARY"]).open("a") as file:
        file.write(f"{line}\n")
