"""Atomic safetensors files with a JSON header: snapshots (weights to use) and checkpoints (state to resume).

Conventions: a file appears under its name only when it is complete, on disk and read back; a file that
doesn't verify is never deleted and never used. No pickle anywhere. The file's metadata have one JSON document with
the header and a sha256 over header and tensors, so that a flipped bit is noticed at load. Files of before that
have the sha256 of their tensors only; they are read, and a warning says that their header can't be checked.
"""

import errno
import fcntl
import hashlib
import json
import logging
import os
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch
from safetensors.torch import load as deserialize
from safetensors.torch import save as serialize
from torch import Tensor

from spatialgan.files import atomic_file, file_sha256, read_whole

METADATA_KEY = "spatialgan"
VERSION = 2  # of the document; the first didn't say so, and its hash didn't cover the header
# files of the first version that ship with the package: their bytes are known
KNOWN = ("81747936fae0ac2628d38e555baf47558b986fdfae79d1b9cbbe43c5456cfecd",)

log = logging.getLogger(__name__)


class DamagedFile(ValueError):
    """A file was read whole, but isn't what was written."""


@dataclass(frozen=True)
class TensorFile:
    """What a file holds, and the hash of the very bytes that this was read from."""

    tensors: dict[str, Tensor]
    header: dict[str, Any]  # JSON data
    sha256: str  # of all bytes


def tensors_sha256(tensors: dict[str, Tensor], header: str = "") -> str:
    """Return the sha256 over a header's text, then names, dtypes, shapes and bytes of tensors in the order of names."""
    digest = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_tensors(path: Path, tensors: dict[str, Tensor], header: dict) -> None:
    """Write tensors and their JSON header atomically, after reading the file back.

    Raises OSError, naming path and needed bytes, if the disk is too full; the old file then stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # a safetensors file has no strides: a channels-last weight is stored as its shape says
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    needed = sum(tensor.nbytes for tensor in tensors.values()) + (1 << 20)
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise OSError(
            f"cannot save {path}: {needed:,} bytes are needed and {free:,} are free on its disk"
        )
    text = _text(header)
    document = {
        "header": json.loads(text),
        "sha256": tensors_sha256(tensors, text),
        "version": VERSION,
    }
    # one entry only: safetensors writes several in an arbitrary order, and the file's sha256 must not vary
    data = serialize(tensors, {METADATA_KEY: json.dumps(document, sort_keys=True)})
    with atomic_file(path) as file:
        file.write(data)
        file.flush()
        if file_sha256(Path(file.name)) != hashlib.sha256(data).hexdigest():
            raise OSError(f"cannot save {path}: other bytes came back from its disk")


def halved(tensors: Mapping[str, Tensor], exact: Collection[str] = ()) -> dict[str, Tensor]:
    """Return tensors in a compact form: floating-point ones as fp16, except those named in `exact`.

    Raises ValueError for a tensor with values beyond fp16.
    """
    stored = {
        name: tensor if name in exact or not tensor.is_floating_point() else tensor.half()
        for name, tensor in tensors.items()
    }
    for name, tensor in stored.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{name} has values beyond fp16")
    return stored


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Return a file's tensors and header, as `read_tensors` reads them."""
    found = read_tensors(path)
    return found.tensors, found.header


def read_tensors(path: Path) -> TensorFile:
    """Return what a file holds.

    Raises ValueError, in one line that names the file, if it is missing, DamagedFile if it is truncated or
    altered, and OSError if it can't be read: that says nothing about what it holds.
    """
    if not path.exists():
        raise ValueError(f"{path} does not exist")
    data = read_whole(path)
    try:
        document = _document(data)
        tensors = deserialize(data)
        header, text = document["header"], _text(document["header"])
        covers_header = document.get("version") == VERSION
        digest = tensors_sha256(tensors, text if covers_header else "")
    except MemoryError:
        raise
    except Exception as error:  # whatever the bytes make of the libraries
        words = " ".join(str(error).split()) or type(error).__name__
        raise DamagedFile(f"{path} is damaged, or no file of this program: {words}") from None
    if document.get("sha256") != digest:
        raise DamagedFile(
            f"{path} is damaged: header and tensors don't match the sha256 in its header"
        )
    sha256 = hashlib.sha256(data).hexdigest()
    if not covers_header and sha256 not in KNOWN:
        log.warning("%s is from before headers were hashed: its header can't be checked", path)
    return TensorFile(tensors, header, sha256)


def _document(data: bytes) -> dict:
    """Return the JSON document in the metadata of a file's bytes."""
    end = 8 + int.from_bytes(data[:8], "little")
    if len(data) < 8 or end > len(data):
        raise ValueError(f"it ends after {len(data)} bytes")
    metadata = json.loads(data[8:end]).get("__metadata__", {})
    if METADATA_KEY not in metadata:
        raise ValueError(f"its metadata have no entry {METADATA_KEY}")
    document = json.loads(metadata[METADATA_KEY])
    if not isinstance(document["header"], dict):
        raise ValueError("its header is no JSON object")
    return document


def _text(header: dict) -> str:
    """Return a header as the one text that is hashed."""
    return json.dumps(header, sort_keys=True)


def _lock_file(path: Path) -> TextIO:
    """Return the file of a lock, opened for reading and writing; raises ValueError if it can be none."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    try:
        number = os.open(path, flags, 0o666)
    except OSError as error:
        what = "is a link" if error.errno == errno.ELOOP else f"cannot be opened ({error.strerror})"
        raise ValueError(f"{path}: {what}, so nothing can be locked by it: remove it") from None
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise ValueError(f"{path}: is no regular file, so nothing can be locked by it: remove it")
    return open(number, "a+", encoding="utf-8", errors="replace")


@contextmanager
def exclusive(folder: Path, waits: bool = False) -> Iterator:
    """Hold the lock of a folder; a second process gets a RuntimeError that names the first, or waits for it.

    Raises ValueError if the lock is a link, or no regular file: what it leads to would be overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _lock_file(folder / "lock") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            if not waits:
                raise RuntimeError(
                    f"{folder} is in use by {holder}: wait for it, or stop it"
                ) from None
            log.info("%s is in use by %s: waiting for it", folder, holder)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}")
        file.flush()
        yield
