"""Partial results: the finished batches of a long measurement, kept on disk so that it can be resumed.

The file has one JSON document per line: first a key, which says by hash what is being measured, then one document
per finished batch. A last line that a kill cut short is dropped; a file of another key is ignored.
"""

import hashlib
import json
from pathlib import Path

from spatialgan.files import write_atomically


class PartialResults:
    """The finished batches of one measurement, on disk and in `batches`."""

    def __init__(self, path: Path, identity: dict) -> None:
        """Read what an earlier measurement of the same `identity` left at `path`."""
        text = json.dumps(identity, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()
        self._path = path
        self.batches: list[dict] = _batches(path, key)
        lines = [{"key": key}, *self.batches]
        write_atomically(path, "".join(json.dumps(line) + "\n" for line in lines).encode())

    def add(self, batch: dict) -> None:
        """Keep one more finished batch, in memory too as it would be read back."""
        line = json.dumps(batch)
        self.batches.append(json.loads(line))
        with self._path.open("a") as file:
            file.write(f"{line}\n")

    def remove(self) -> None:
        """Delete the file, once the record of the measurement is written."""
        self._path.unlink(missing_ok=True)


def _batches(path: Path, key: str) -> list[dict]:
    """Return the complete lines of a file after its key; none if there is no file of this key."""
    try:
        lines = path.read_text(errors="replace").splitlines(keepends=True)
    except FileNotFoundError:
        return []
    documents = []
    for line in lines:
        try:
            documents.append(json.loads(line))
        except json.JSONDecodeError:
            break
        if not line.endswith("\n"):  # cut short, though it reads as JSON
            documents.pop()
            break
    return documents[1:] if documents and documents[0] == {"key": key} else []
