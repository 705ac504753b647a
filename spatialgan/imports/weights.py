"""Weights in torch's format before 2020 (.pth), read as inert data: a dictionary of tensors and nothing else.

The file is the five pickles of that format (magic number, version, system, the dictionary, the storages' keys), then
each storage's number of elements and raw bytes, in the order of the keys.
"""

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spatialgan.imports.machine import Vocabulary, read_pickle
from spatialgan.imports.opcodes import Budget, Name
from spatialgan.imports.storages import (
    CLASSES,
    Claim,
    Storage,
    StoredTensor,
    check_header,
    read_header,
)

View = tuple[Claim, Any, Any, Any]  # a storage to come, and offset, shape and strides


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a .pth file by name; raises ValueError, in one line, for anything else."""
    with path.open("rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    budget = Budget()
    header, position = read_header(data, budget)
    check_header(header)
    value, position = read_pickle(data, position, _vocabulary(), budget)
    keys, position = read_pickle(data, position, Vocabulary(), budget)
    if not isinstance(value, dict) or not isinstance(keys, list):
        raise ValueError("holds no dictionary of tensors")
    views = {str(name): view for name, view in value.items() if isinstance(view, tuple)}
    claims = {claim.key: claim for claim, *_ in views.values()}
    storages = _storages(data, position, claims, keys)
    return {name: _tensor(view, storages) for name, view in views.items()}


def _storages(
    data: memoryview, position: int, claims: dict[str, Claim], keys: list
) -> dict[str, Storage]:
    """Return the storages that follow the pickles; raises ValueError unless they are exactly those claimed."""
    if any(type(key) is not str for key in keys) or sorted(claims) != sorted(keys):
        raise ValueError("has other storages than its tensors look at")
    found = {}
    for key in keys:
        end = position + 8 + claims[key].num_elements * np.dtype(claims[key].dtype).itemsize
        found[key] = claims[key].storage(data[position:end])
        position = end
    if position != len(data):
        raise ValueError(f"has {len(data) - position:,} bytes after its end")
    return found


def _tensor(view: View, storages: dict[str, Storage]) -> Tensor:
    claim, offset, shape, strides = view
    return torch.from_numpy(StoredTensor.of(storages[claim.key], offset, shape, strides).array())


def _view(arguments: tuple) -> View:
    """Return what torch's _rebuild_tensor_v2 is asked to look at."""
    if len(arguments) < 4 or not isinstance(arguments[0], Claim):
        raise ValueError("has a tensor with arguments that no network has")
    claim, offset, shape, strides, *_ = arguments
    return claim, offset, shape, strides


def _vocabulary() -> Vocabulary:
    return Vocabulary(
        functions={
            Name("torch._utils", "_rebuild_tensor_v2"): _view,
            Name("collections", "OrderedDict"): lambda arguments: {},
        },
        names=frozenset(CLASSES),
        builders={dict: lambda value, state: value},  # its state is torch's own bookkeeping
        persistent=Claim.of,
    )
