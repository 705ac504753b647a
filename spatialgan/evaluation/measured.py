"""What every measurement of a snapshot says about it, and how it is written."""

import json
from dataclasses import asdict
from pathlib import Path

from spatialgan.evaluation.bootstrap import Interval
from spatialgan.files import write_atomically
from spatialgan.provenance import source_commit
from spatialgan.snapshot import Snapshot

Numbers = tuple[dict[str, float], dict[str, Interval]]  # values and intervals by name


def measured(snapshot: Snapshot, protocol: dict, numbers: Numbers) -> dict:
    """Return the numbers with the run they are of, the code that measured and the protocol."""
    values, intervals = numbers
    return {
        "run": snapshot.config.name,
        "row": snapshot.config.row,
        "dataset": snapshot.config.dataset,
        "seed": snapshot.config.seed,
        "kimg": snapshot.kimg,
        "commit": source_commit(),
        "protocol": protocol,
        "metrics": values,
        "intervals": {name: asdict(bounds) for name, bounds in intervals.items()},
    }


def save_measured(output: Path, result: dict) -> None:
    """Write a result as JSON, whole or not at all."""
    write_atomically(output, (json.dumps(result, indent=2, allow_nan=False) + "\n").encode())
