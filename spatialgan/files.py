"""Reading files whole, writing them atomically, and hashing them.

Everything that the package writes goes through `atomic_file`, except lines added to partial results. A file
that can't be read or written is an OSError or a ValueError that names it; what is wrong with a file that was read whole
is for its reader to say.
"""

import glob
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spatialgan.documents import Unread, open_regular


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, as hexadecimal digits; raises OSError that names the file."""
    with _reading(path), open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_whole(path: Path) -> bytes:
    """Return a file's bytes; raises OSError, which names the file, if it can't be read to its end."""
    with _reading(path), open_regular(path) as file:
        return file.read()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Let the system's errors name the file."""
    try:
        yield
    except OSError as error:
        raise Unread(f"{path}: cannot be read ({error.strerror or error})") from error


def listing_sha256(path: Path) -> str:
    """Return a hash of names, sizes and times of everything in a folder, or of one file; "" if nothing is there.

    It changes with every change of the files, and takes about a second for 200,000 of them.
    """
    if not path.exists():
        return ""
    digest = hashlib.sha256()
    for name in sorted(_names(path)):
        try:
            found = os.stat(name)
            digest.update(f"{name!r} {found.st_size} {found.st_mtime_ns}\n".encode())
        except OSError as error:  # a link that leads nowhere, or removed just now
            digest.update(f"{name!r} {error.errno}\n".encode())
    return digest.hexdigest()


def _names(path: Path) -> Iterator[str]:
    """Yield the paths of all files below a folder, or the path of a file itself."""
    if not path.is_dir():
        yield str(path)
    for folder, _, names in os.walk(path):
        yield from (os.path.join(folder, name) for name in names)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file atomically: either all of it is there, or none."""
    with atomic_file(path) as file:
        file.write(data)


@contextmanager
def atomic_file(path: Path) -> Iterator:
    """Yield a binary file that becomes `path` when the block ends, or is deleted if the block raises.

    Raises ValueError if it cannot be written, or exists and is not a regular file (a device, a FIFO).
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_regular(path)
        for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
            if not _is_running(leftover.name.split(".")[-2]):  # its writer was killed
                leftover.unlink(missing_ok=True)
        with _new_file(partial) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        _sync_folder(path.parent)
    except OSError as error:
        ours = (None, str(partial), str(path), str(path.parent))
        if isinstance(error, Unread) or error.filename not in ours:
            raise  # the block's own, of another file
        raise ValueError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        partial.unlink(missing_ok=True)


def _new_file(path: Path):
    """Return a new file opened for writing: it must not exist yet, so no link is followed."""
    try:
        return open(path, "xb")
    except FileExistsError:  # left by a process of the same number, or put there by somebody
        path.unlink()
        return open(path, "xb")


def _check_regular(path: Path) -> None:
    """Raise ValueError if a path is a device, a FIFO or a socket."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ValueError(f"{path}: is no regular file, and isn't replaced by one")


def _sync_folder(folder: Path) -> None:
    """Make sure that a folder's names are on disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True
