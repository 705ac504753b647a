"""What an analysis leaves: one JSON document, written whole or not at all."""

import json
from pathlib import Path

import click
import pandas as pd

from spatialgan.files import write_atomically

output_option = click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The JSON file to write."
)


def write_document(path: Path, document: dict) -> None:
    """Write a document as JSON; it may hold no NaN."""
    write_atomically(path, (json.dumps(document, indent=2, allow_nan=False) + "\n").encode())


def lines_of(frame: pd.DataFrame) -> list[dict]:
    """Return the lines of a frame as JSON data, without the cells that have no number."""
    return [
        {name: value for name, value in line.items() if not pd.isna(value)}
        for line in json.loads(frame.to_json(orient="records", double_precision=15) or "[]")
    ]
