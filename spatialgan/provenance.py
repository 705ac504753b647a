"""What made a result: the commit of the code, and the stamp that a result carries.

A stamp is under "made_from" in a JSON record and in a text chunk of that name in a PNG. It is a dict:
"settings" (JSON, as asked for), "code" (digest of the code that was run) and "inputs" (sha256 of each file that
was read, by its path). `spatialgan.upkeep.steps` says what it should be now, `spatialgan.upkeep.status` compares.
"""

import json
import struct
import subprocess
import zlib
from pathlib import Path

from spatialgan.documents import parse_json
from spatialgan.files import write_atomically
from spatialgan.records import read_sealed, write_record

KEY = "made_from"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def source_commit() -> str:
    """Return the running code's commit, "unknown" where git doesn't have it, with git's reason if there is one.

    It ends in "-dirty" where the code or params/ differ from the commit. What the workflow makes is in git
    too, but it is being made, so it doesn't count.
    """
    tracked, why = _git("ls-files", "--", Path(__file__).name)
    if not tracked:  # installed, or no git
        return f"unknown ({why})" if "ownership" in why else "unknown"
    changed, _ = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":/params")
    return _git("rev-parse", "HEAD")[0] + ("-dirty" if changed else "")


def _git(*arguments: str) -> tuple[str, str]:
    """Return what git says in the code's folder, "" where it fails or isn't there, and the first line of why."""
    # many jobs ask at once, and none may wait; the code runs already, so its checkout may be anybody's
    command = ["git", "--no-optional-locks", "-c", "safe.directory=*", *arguments]
    try:
        folder = Path(__file__).parent
        run = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError:  # no git on this machine
        return "", ""
    if run.returncode:
        return "", run.stderr.strip().partition("\n")[0]
    return run.stdout.strip(), ""


def read_stamp(record: Path) -> dict:
    """Return the stamp in a JSON or PNG file; empty where the file has none or can't be read."""
    try:
        if record.suffix == ".png":
            chunks = dict(_png_chunks(record.read_bytes()))
            stamp = parse_json(chunks[KEY]) if KEY in chunks else {}
        else:
            stamp = read_sealed(record).get(KEY, {})
    except (ValueError, struct.error):
        return {}
    is_stamp = isinstance(stamp, dict) and isinstance(stamp.get("inputs", {}), dict)
    return stamp if is_stamp else {}


def write_stamp(record: Path, stamp: dict) -> None:
    """Put a stamp into a JSON or PNG file, replacing any it has; a missing JSON file is created.

    Raises ValueError if a JSON file is not a record with a valid checksum.
    """
    if record.suffix == ".png":
        write_atomically(record, _with_png_text(record.read_bytes(), stamp))
    else:
        document = read_sealed(record) if record.is_file() else {}
        write_record(record, {**document, KEY: stamp})


def _png_chunks(data: bytes) -> list[tuple[str, bytes]]:
    """Return the text chunks of a PNG, each as keyword and text."""
    return [
        (keyword.decode("latin-1"), text)
        for kind, body in _all_chunks(data)
        if kind == b"tEXt"
        for keyword, _, text in [body.partition(b"\0")]
    ]


def _all_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the chunks of a PNG, each as type and data; raises ValueError if it isn't one."""
    if not data.startswith(PNG_SIGNATURE):
        raise ValueError("not a PNG")
    chunks, at = [], len(PNG_SIGNATURE)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks


def _with_png_text(data: bytes, stamp: dict) -> bytes:
    """Return a PNG with the stamp as a text chunk before its last chunk."""
    text = KEY.encode() + b"\0" + json.dumps(stamp, sort_keys=True).encode()
    kept = [(kind, body) for kind, body in _all_chunks(data) if not _is_stamp(kind, body)]
    chunks = [*kept[:-1], (b"tEXt", text), kept[-1]]
    return PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def _is_stamp(kind: bytes, body: bytes) -> bool:
    return kind == b"tEXt" and body.startswith(KEY.encode() + b"\0")
