"""A stand-in for the command line, for tests of the workflow around it: the same files, at once, and no training.

A file's bytes depend on what the real command's depend on in params/; tables of numbers are the real ones.
Weights and data sets are over 1 MB, since Snakemake compares small files by their checksums and large ones by
time. A "training" takes
STEPS steps of the seconds in the environment variable STEP_SECONDS, goes on from its checkpoint, and writes
what it did to the file in the environment variable DIARY.
"""

import hashlib
import json
import os
import sys
import time
from pathlib import Path

from spatialgan.params import Params, load_params, split_run
from spatialgan.provenance import source_commit

HEAVY = 1_500_000  # bytes
STEPS = 20


def main() -> None:
    """Do as the command line says."""
    command, name = sys.argv[1:3]
    params = load_params()
    profile = sys.argv[sys.argv.index("-p") + 1]
    {"train": train, "prepare": prepare, "segmenter": segmenter}.get(command, small)(
        params, profile, command, name
    )


def train(params: Params, profile: str, command: str, run: str) -> None:
    """Write what a training leaves, step by step."""
    dataset, row, seed = split_run(run)
    root = params.root(profile)
    state = root / "resume" / run / "checkpoint"
    state.parent.mkdir(parents=True, exist_ok=True)
    done = int(state.read_text()) if state.exists() else 0
    note(f"{run} from {done}")
    for step in range(done, STEPS):
        time.sleep(float(os.environ.get("STEP_SECONDS", "0")))
        state.write_text(str(step + 1))
    data = (root / "datasets" / f"{dataset}.json").read_text()
    folder = root / "runs" / run
    sha256 = heavy(folder / "generator.safetensors", [params.rows[row], seed, data])
    facts = {"snapshot_sha256": sha256, "kimg": STEPS, "resolution": 16, "precision": "fp32"}
    write(folder / "train.json", json.dumps({**facts, "commit": source_commit()}))
    lines = "".join(f"{step},{number(sha256, step)}\n" for step in range(STEPS))
    write(folder / "curves.csv", f"kimg,loss_g\n{lines}")
    for picture in ("samples", "attention"):
        write(folder / f"{picture}.png", f"{picture} {sha256}")
    state.unlink()
    note(f"{run} finished")


def prepare(params: Params, profile: str, command: str, dataset: str) -> None:
    """Write a data set and its manifest."""
    stem = params.root(profile) / "datasets" / dataset
    sha256 = heavy(stem.with_suffix(".zip"), params.source(dataset, profile))
    write(stem.with_suffix(".json"), json.dumps({"sha256": sha256}))


def segmenter(params: Params, profile: str, command: str, dataset: str) -> None:
    """Write a segmenter and what says how good it is."""
    name = sys.argv[sys.argv.index("--segmenter") + 1]
    folder = params.root(profile) / "segmenters" / dataset / name
    sha256 = heavy(folder / "model.safetensors", params.source(dataset, profile))
    write(folder / "segmenter.json", json.dumps({"sha256": sha256}))


def small(params: Params, profile: str, command: str, name: str) -> None:
    """Write a metric, table or figure: numbers or words that depend on the weights."""
    root = params.root(profile)
    if command == "table" and name != "drag":
        from spatialgan.reporting.tables import write_table

        write_table(params, name, profile)
    elif command in ("table", "figure"):
        sources = sorted(root.glob("runs/**/train.json"))
        text = "\n".join(f"{path}: {path.read_text()}" for path in sources)
        for suffix in ("md", "csv", "html") if command == "table" else ("png",):
            write(root / f"{command}s" / f"{name}.{suffix}", text)
    elif command == "curves":
        write(
            root / "runs" / name / "curves.png", (root / "runs" / name / "curves.csv").read_text()
        )
    else:
        facts = json.loads((root / "runs" / name / "train.json").read_text())
        names = ("fid", "kid", "precision", "recall")
        numbers = {metric: number(facts["snapshot_sha256"], metric) for metric in names}
        result = {
            "commit": source_commit(),
            "protocol": {"num_real": 9, "num_fake": 9, "dataset_sha256": "0"},
            "metrics": numbers,
            "metric_ids": {"fid": "scene_fid9"},
            "sample_seed": 0,
        }
        write(root / "metrics" / name / f"{command}.json", json.dumps(result))


def heavy(path: Path, meaning: object) -> str:
    """Write a large file whose bytes depend on its meaning; return its sha256."""
    seed = hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).digest()
    data = seed * (HEAVY // len(seed))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def write(path: Path, text: str) -> None:
    """Write a small file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def number(sha256: str, salt: object) -> int:
    """Return a number that looks measured."""
    return int(hashlib.sha256(f"{sha256} {salt}".encode()).hexdigest()[:4], 16)


def note(line: str) -> None:
    """Add a line to the diary."""
    with Path(os.environ["DIARY"]).open("a") as file:
        file.write(f"{line}\n")
