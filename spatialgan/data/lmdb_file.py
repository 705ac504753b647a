"""Untrusted LMDB databases of images: the header's contents, and the entries, read by a separate process.

The library maps the whole file into memory and trusts what it finds there, so that a truncated database ends the
process by SIGBUS and a damaged one by SIGABRT or SIGSEGV. Here the file's header is read as plain bytes and the sizes
in it are compared with the file's; the entries are read by lmdb_child.py, which may die.
"""

import signal
import struct
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from spatialgan.data.lmdb_child import END, ENTRY, LENGTHS
from spatialgan.documents import unusual_kind

CHILD = Path(__file__).with_name("lmdb_child.py")
MAGIC = 0xBEEFC0DE
META_BYTES = 152  # of a meta page, up to its last number
MAIN_DB = 88  # where the numbers of the main database begin; those of the free list are before it
DB_BYTES = 48
PAGE_SIZES = [2**bits for bits in range(9, 17)]
MIN_ENTRY = 8  # bytes that an entry takes in a page, at least
WORDS_BYTES = 1000  # of a fault that are shown


@dataclass(frozen=True)
class Header:
    """What the newest of a database's two meta pages says."""

    entries: int
    last_page: int
    page_bytes: int
    transaction: int


def data_file(path: Path) -> Path:
    """Return the file of a database, which may be named by its folder; raise ValueError if there is no such file."""
    if not path.exists():
        raise ValueError(
            f"{path}: there is no such LSUN database; docs/data.md says what goes where"
        )
    file = path / "data.mdb" if path.is_dir() else path
    if not file.exists():
        raise ValueError(f"{path}: not a readable LMDB (it holds no data.mdb)")
    kind = unusual_kind(file.stat().st_mode)
    if kind:
        raise ValueError(f"{file}: is {kind}, not a file")
    return file


def read_header(path: Path) -> Header:
    """Return the header of a database.

    Raises ValueError, in one line that names the database, if it is not a 64-bit LMDB or is smaller than it claims.
    """
    file = data_file(path)
    try:
        with file.open("rb") as opened:
            first = _meta(opened.read(META_BYTES))
            metas = [first]
            if first is not None:
                opened.seek(first.page_bytes)
                metas.append(_meta(opened.read(META_BYTES)))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from None
    found = [meta for meta in metas if meta is not None]
    if len(found) < 2:
        raise ValueError(f"{path}: not a readable LMDB (its header is damaged, or of another kind)")
    newest = max(found, key=lambda meta: meta.transaction)
    size, needed = file.stat().st_size, (newest.last_page + 1) * newest.page_bytes
    if size < needed:
        raise ValueError(f"{path}: incomplete: {size:,} of {needed:,} bytes")
    if newest.entries > size // MIN_ENTRY:
        raise ValueError(f"{path}: damaged: it counts {newest.entries:,} entries in {size:,} bytes")
    return newest


def _meta(page: bytes) -> Header | None:
    """Return what a meta page says, None if it is not one."""
    if len(page) < META_BYTES:
        return None
    magic, version = struct.unpack_from("<II", page, 16)
    (page_bytes,) = struct.unpack_from("<I", page, MAIN_DB - DB_BYTES)
    (entries,) = struct.unpack_from("<Q", page, MAIN_DB + 32)
    last_page, transaction = struct.unpack_from("<QQ", page, MAIN_DB + DB_BYTES)
    if (magic, version) != (MAGIC, 1) or page_bytes not in PAGE_SIZES:
        return None
    return Header(entries, last_page, page_bytes, transaction)


def check_library() -> None:
    """Raise ValueError that names the extra if the library is missing."""
    try:
        import lmdb  # noqa: F401
    except ImportError as error:
        raise ValueError("LSUN databases need lmdb: pip install 'spatialgan[lsun]'") from error


def read_entries(path: Path, max_bytes: int) -> Generator[tuple[bytes, bytes | None], None, None]:
    """Yield key and value of all entries in key order; None instead of a value longer than `max_bytes`.

    Raises ValueError, in one line that names the database, if it is damaged.
    """
    read_header(path)
    command = [sys.executable, "-P", str(CHILD), str(path.resolve()), str(max_bytes)]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        while (kind := child.stdout.read(1)) == ENTRY:
            key_bytes, value_bytes = LENGTHS.unpack(_exactly(child.stdout, LENGTHS.size))
            key = _exactly(child.stdout, key_bytes)
            fits = value_bytes <= max_bytes
            yield key, _exactly(child.stdout, value_bytes) if fits else None
        if kind != END:
            raise ValueError(_fault(kind, child))
    except (struct.error, EOFError):
        raise ValueError(f"{path}: is damaged: {_fault(b'', child)}") from None
    except ValueError as error:
        raise ValueError(f"{path}: is damaged: {error}") from None
    finally:
        child.kill()
        child.stdout.close()
        child.wait()


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _fault(kind: bytes, child: "subprocess.Popen[bytes]") -> str:
    """Return in words why a reader ended before the end of the database."""
    assert child.stdout is not None
    if kind:
        words = child.stdout.read()[LENGTHS.size :][:WORDS_BYTES]
        return words.decode("utf-8", "replace")
    code = child.wait()
    if code < 0:
        return f"reading it ended the process that read it ({signal.Signals(-code).name})"
    return f"the process that read it ended with {code}"
