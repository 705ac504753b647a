"""What the records that tables and model cards read must look like, as JSON schemas, and the check of one.

Numbers are finite; whole ones are written without a point. Fields that nobody reads aren't checked.
"""

from pathlib import Path
from typing import Any

from spatialgan.settings.schema import schema_fault

NUMBER = {"type": "number", "minimum": -1e100, "maximum": 1e100}  # squares must be numbers too
COUNT = {"type": "integer", "minimum": 0, "maximum": 10**15}
# One line of characters that can be written
WRITABLE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{0,1000}(?![\s\S])"
TEXT = {"type": "string", "pattern": WRITABLE}
MAYBE = {"anyOf": [NUMBER, {"type": "null"}, {"type": "boolean"}]}
SCALAR = {"anyOf": [NUMBER, TEXT, {"type": "null"}, {"type": "boolean"}]}


def _mapping(values: dict, **properties: dict) -> dict:
    return {
        "type": "object",
        "propertyNames": TEXT,
        "properties": properties,
        "additionalProperties": values,
    }


_INTERVAL = {**_mapping(NUMBER), "required": ["low", "high", "std"]}
_GROUP = {  # too few matched objects have no score
    "type": "object",
    "required": ["objects", "matched"],
    "properties": {"objects": COUNT, "matched": COUNT, "comove": NUMBER},
}
_TRIALS = {
    "type": "object",
    "required": ["method", "length_px"],
    "properties": {"method": TEXT, "length_px": {**COUNT, "minimum": 1}},
    "additionalProperties": {"anyOf": [SCALAR, {"type": "array", "items": MAYBE}]},
}
_EDITS = {
    "type": "object",
    "required": ["region", "level", "method"],
    "properties": {"region": TEXT, "level": NUMBER, "method": TEXT},
    "additionalProperties": {"anyOf": [SCALAR, {"type": "array", "items": MAYBE}]},
}
MEASURED = {
    "type": "object",
    "required": ["metrics", "protocol"],
    "properties": {
        "metrics": _mapping(NUMBER),
        "intervals": _mapping(_INTERVAL),
        "classes": _mapping(_GROUP),
        "objects_in_frame": _mapping(_GROUP),
        "metric_ids": _mapping(TEXT),
        "protocol": _mapping(
            SCALAR,
            **{f"num_{name}": COUNT for name in ("real", "fake", "moves", "trials", "drags")},
            **{f"{name}_sha256": TEXT for name in ("extractor", "segmenter", "dataset")},
            extractor=TEXT,
            segmenter=TEXT,
        ),
        "commit": TEXT,
        "drags": {"type": "array", "items": _TRIALS},
        "edits": {"type": "array", "items": _EDITS},
        "snapshot_sha256": TEXT,
    },
}
HISTORY = {
    "type": "object",
    "required": ["history", "metric_ids"],
    "properties": {
        "metric_ids": _mapping(TEXT, fid=TEXT, precision=TEXT, recall=TEXT),
        "history": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["kimg", "fid", "precision", "recall"],
                "properties": dict.fromkeys(("kimg", "fid", "precision", "recall"), NUMBER),
            },
        },
    },
}
TRAINED = {
    "type": "object",
    "properties": {
        "snapshot_sha256": TEXT,
        "commit": TEXT,
        "kimg": NUMBER,
        "resolution": COUNT,
        "precision": TEXT,
    },
}
SEGMENTER = {
    "type": "object",
    "required": ["sha256", "held_out", "training", "cpu_seconds"],
    "properties": {
        "sha256": TEXT,
        "held_out": {
            "type": "object",
            "required": ["ap50", "ap", "ap75", "num_images"],
            "properties": {"ap50": NUMBER, "ap": NUMBER, "ap75": NUMBER, "num_images": COUNT},
        },
        "training": {"type": "object", "required": ["steps"], "properties": {"steps": COUNT}},
        "cpu_seconds": NUMBER,
    },
}


def check_record(path: Path, record: Any, shape: dict) -> None:
    """Raise ValueError, in one line that names file, place and fault, unless a record has a shape of this module."""
    fault = schema_fault(record, shape)
    if fault:
        raise ValueError(f"{path}: {fault}: make it again")


def check_trials(path: Path, groups: list[dict]) -> None:
    """Raise ValueError, naming the file, if the numbers of some trials are missing."""
    kinds: set[tuple[str, ...]] = set()
    for group in groups:
        columns = {name: len(found) for name, found in group.items() if isinstance(found, list)}
        kinds.add(tuple(columns))
        if len(set(columns.values())) > 1 or len(kinds) > 1:
            raise ValueError(f"{path}: drags: not every trial has the same numbers: make it again")
        fields = ("method", "length_px", "title")
        if any(isinstance(group.get(name), list) for name in fields):
            raise ValueError(f"{path}: drags: method and length are no lists: make it again")
