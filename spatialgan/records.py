"""Records: the small JSON documents that say what a result is, each with a checksum of its content.

The checksum is under "checksum" and is the sha256 of all other entries, as JSON with sorted keys. A record
without one is older than checksums, or lost it: `seal` gives it one, if somebody vouches for it.
"""

import hashlib
import json
import shlex
from pathlib import Path
from typing import Any

from spatialgan.documents import MAX_DOCUMENT, parse_json
from spatialgan.files import read_whole, write_atomically
from spatialgan.variants import shown

CHECKSUM = "checksum"


def write_record(path: Path, record: dict) -> None:
    """Write a record with its checksum, atomically; raises ValueError if a number of it isn't finite."""
    sealed = {**_content(record), CHECKSUM: checksum(record)}
    write_atomically(path, (json.dumps(sealed, indent=2, allow_nan=False) + "\n").encode())


def read_record(path: Path) -> dict[str, Any]:
    """Return a record with its checksum.

    Raises ValueError, in one line that names the file, if it is not a JSON object or was altered; OSError if it
    can't be read.
    """
    try:
        record = parse_json(read_whole(path))
    except ValueError as error:
        raise ValueError(f"{path} {error}: delete it and make it again") from None
    if not isinstance(record, dict):
        raise ValueError(f"{path} holds no JSON object: delete it and make it again")
    if CHECKSUM in record and record[CHECKSUM] != checksum(record):
        raise ValueError(
            f"{path} was altered after it was written: its checksum is another's; make it again"
        )
    return record


def read_sealed(path: Path) -> dict[str, Any]:
    """Return a record that has a checksum.

    Raises as `read_record`, and ValueError for one that has none, and for a file larger than any record.
    """
    record = _read_bounded(path)
    if CHECKSUM not in record:
        raise ValueError(
            f"{path} has no checksum: it was altered, or is from before records had one; delete it and make it "
            f"again, or, if you know it to be as it was written: spatialgan tidy --seal {shlex.quote(str(path))}"
        )
    return record


def seal(path: Path) -> bool:
    """Give a record a checksum where it has none; return whether it had none.

    Raises as `read_sealed`, and ValueError for a document of another kind, such as a scene.
    """
    record = _read_bounded(path)
    if "format" in record:
        raise ValueError(f"{path} is no record of results: its format is {shown(record['format'])}")
    is_open = CHECKSUM not in record
    if is_open:
        write_record(path, record)
    return is_open


def _read_bounded(path: Path) -> dict[str, Any]:
    if path.is_file() and path.stat().st_size > MAX_DOCUMENT:
        raise ValueError(f"{path} has more than {MAX_DOCUMENT:,} bytes, which no record has")
    return read_record(path)


def checksum(record: dict) -> str:
    """Return the sha256 of a record's content."""
    text = json.dumps(_content(record), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _content(record: dict) -> dict:
    return {key: value for key, value in record.items() if key != CHECKSUM}
