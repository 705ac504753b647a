"""Partial results: the finished batches of a long measurement, kept on disk so that it can be resumed.

The file has one JSON document per line, each after the sha256 of its number and text: first a key, which says by hash
what is being measured, then one document per finished batch. The first damaged line and all after it are dropped; a
file with another key is started over. Only one process measures at a time: a second one waits.
"""

import fcntl
import hashlib
import json
import logging
import os
from pathlib import Path

from spatialgan.documents import unusual_kind

log = logging.getLogger(__name__)


class PartialResults:
    """The finished batches of one measurement, on disk and in `batches`."""

    def __init__(self, path: Path, identity: dict) -> None:
        """Read what an earlier measurement of the same `identity` left at `path`."""
        text = json.dumps(identity, sort_keys=True)
        key = json.dumps({"key": hashlib.sha256(text.encode()).hexdigest()})
        self._path = path
        self._held = _locked(path)
        with open(self._held, "rb", closefd=False) as file:
            lines = _whole_lines(file.read())
        if lines[:1] != [key]:
            lines = []
        sealed = [_sealed(number, line) for number, line in enumerate(lines)]
        os.truncate(self._held, sum(len(line) + 1 for line in sealed))
        self._count = len(lines)
        if not lines:
            self._append(key)
        self.batches: list[dict] = [json.loads(line) for line in lines[1:]]

    def add(self, batch: dict) -> None:
        """Keep one more finished batch, in memory in the form in which it would be read back."""
        line = json.dumps(batch)
        self.batches.append(json.loads(line))
        self._append(line)

    def _append(self, line: str) -> None:
        """Add a line and make sure that it is on disk."""
        try:
            with open(self._held, "ab", closefd=False) as file:
                file.write(f"{_sealed(self._count, line)}\n".encode())
            os.fsync(self._held)
            self._count += 1
        except OSError as error:
            raise ValueError(f"{self._path}: cannot be written ({error.strerror})") from error

    def remove(self) -> None:
        """Delete the file, once the record of the measurement is written."""
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let the next process have the file."""
        os.close(self._held)


def _locked(path: Path) -> int:
    """Return the number of the opened file, made where it isn't there, once no other process holds it.

    The lock ends with the process, or when it closes the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        kind = unusual_kind(os.fstat(number).st_mode)
        if kind:
            os.close(number)
            raise ValueError(f"{path}: is {kind}, not a file: remove it")
        try:
            fcntl.lockf(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            log.info("%s is in use by another process: waiting for it", path)
            fcntl.lockf(number, fcntl.LOCK_EX)
        if path.exists() and os.path.samestat(os.fstat(number), path.stat()):
            return number
        os.close(number)  # the other process finished, and deleted it


def _sealed(number: int, text: str) -> str:
    """Return a line for a file; it is valid only at its position, so lines can't be swapped."""
    return f"{hashlib.sha256(f'{number} {text}'.encode()).hexdigest()} {text}"


def _whole_lines(data: bytes) -> list[str]:
    """Return the texts of a file's lines up to the first that isn't whole."""
    texts = []
    for line in data.decode("utf-8", "replace").split("\n")[:-1]:
        text = line.partition(" ")[2]
        if _sealed(len(texts), text) != line:
            break
        texts.append(text)
    return texts
