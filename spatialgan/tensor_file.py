"""Atomic safetensors files with a JSON header: snapshots (weights to use) and checkpoints (state to resume).

Conventions: a file appears under its name only when it is complete, on disk and read back; a file that
doesn't verify is never deleted and never used. No pickle anywhere. The header holds one JSON document
and the sha256 of the tensors' bytes, so that a flipped bit is noticed at load.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from spatialgan.files import atomic_file

METADATA_KEY = "spatialgan"


def tensors_sha256(tensors: dict[str, Tensor]) -> str:
    """Return the sha256 over names, dtypes, shapes and bytes of tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_tensors(path: Path, tensors: dict[str, Tensor], header: dict) -> None:
    """Write tensors and their JSON header atomically, after reading the file back.

    Raises OSError, naming path and needed bytes, where the disk is too full; the old file then stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # strides are no part of a safetensors file: a channels-last weight is stored as its shape says
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    needed = sum(tensor.nbytes for tensor in tensors.values()) + (1 << 20)
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise OSError(
            f"cannot save {path}: {needed:,} bytes are needed and {free:,} are free on its disk"
        )
    # one entry only: safetensors writes several in an arbitrary order, and the file's sha256 must not vary
    document = json.dumps({"header": header, "sha256": tensors_sha256(tensors)}, sort_keys=True)
    with atomic_file(path) as file:
        file.write(serialize(tensors, {METADATA_KEY: document}))
        file.flush()
        load_tensors(Path(file.name))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Return a file's tensors and header.

    Raises ValueError, in one line that names the file, where it is missing, truncated or altered.
    """
    if not path.exists():
        raise ValueError(f"{path} does not exist")
    try:
        with safe_open(path, framework="pt") as file:
            document = json.loads((file.metadata() or {}).get(METADATA_KEY, "{}"))
            tensors = {
                name: file.get_tensor(name) for name in file.keys()
            }  # no dict: it has no iterator
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(document, dict) or document.get("sha256") != tensors_sha256(tensors):
        raise ValueError(f"{path} is damaged: its tensors don't match the sha256 in its header")
    return tensors, document.get("header", {})


@contextmanager
def exclusive(folder: Path) -> Iterator:
    """Hold the lock of a folder; a second process gets a RuntimeError that names the first."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise RuntimeError(f"{folder} is in use by {holder}: wait for it, or stop it") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}")
        file.flush()
        yield
