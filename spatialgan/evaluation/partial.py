"""Partial results: what a long evaluation has found so far, so that a killed one goes on where it was.

A file of one JSON document per line: a key first, then one document per finished batch. A line that a
kill cut short is dropped, and so is all of it where the key differs, which says what is evaluated.
"""

import hashlib
import json
from pathlib import Path

from spatialgan.files import write_atomically


class PartialResults:
    """The finished batches of one evaluation, on disk and in `batches`."""

    def __init__(self, path: Path, identity: dict) -> None:
        """Read what an earlier run of the same `identity` left at `path`."""
        text = json.dumps(identity, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()
        self._path = path
        self.batches: list[dict] = _batches(path, key)
        lines = [{"key": key}, *self.batches]
        write_atomically(path, "".join(json.dumps(line) + "\n" for line in lines).encode())

    def add(self, batch: dict) -> None:
        """Keep one more finished batch."""
        self.batches.append(batch)
        with self._path.open("a") as file:
            file.write(json.dumps(batch) + "\n")

    def remove(self) -> None:
        """Delete the file: the whole result is written."""
        self._path.unlink(missing_ok=True)


def _batches(path: Path, key: str) -> list[dict]:
    """Return the whole lines of a file after its key; none where there is no such file of this key."""
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
