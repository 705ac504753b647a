"""The names that a released StyleGAN2 checkpoint may use, and what each stands for here: inert data.

A network is pickled as a call of `torch_utils.persistence` on a dictionary that also holds the source code of
its class. Here it becomes a `Module`: a class's name and a dictionary. The source code is dropped unread.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spatialgan.imports.machine import Vocabulary, read_pickle
from spatialgan.imports.opcodes import Budget, Name
from spatialgan.imports.storages import CLASSES, ZIP, Storage, StoredTensor, read_storage
from spatialgan.variants import brief

MAX_BYTES = 4 << 30  # of a file; the largest released ones have 0.4 GB
PERSISTENCE_VERSION = 6
MAX_MEMBERS = 100  # of a set; the largest, names of buffers, has a few
NUMBERS = {"f8": "<d", "f4": "<f", "i8": "<q", "i4": "<i", "b1": "<?"}  # numpy's scalars


@dataclass(eq=False)
class Module:
    """A network's part: the name of its class, and its attributes."""

    kind: str
    state: dict[Any, Any]


@dataclass(frozen=True)
class NumberType:
    """One of numpy's types of numbers."""

    code: str  # a key of NUMBERS


def read_checkpoint(path: Path) -> dict[Any, Any]:
    """Return the dictionary in a checkpoint as inert data: plain values, Modules, StoredTensors.

    Raises ValueError, in one line that names what is refused, for anything that isn't one. Nothing of the
    file is run, imported or unpickled.
    """
    if not path.is_file():
        raise ValueError("is no regular file" if path.exists() else "there is no such file")
    size = path.stat().st_size
    if not 0 < size <= MAX_BYTES:
        raise ValueError(f"has {size:,} bytes, but a checkpoint has 1 to {MAX_BYTES:,}")
    with path.open("rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    if bytes(data[:4]) == ZIP:
        raise ValueError("is a ZIP archive, such as a .pt of torch; only a .pkl can be imported")
    budget = Budget()
    value, end = read_pickle(data, 0, _vocabulary(budget), budget)
    if end != size:
        raise ValueError(f"has {size - end:,} bytes after its end")
    if not isinstance(value, dict):
        raise ValueError(f"holds a {type(value).__name__}, not a dictionary of networks")
    return value


def _vocabulary(budget: Budget) -> Vocabulary:
    """Return all names that a checkpoint may use, by exact name."""
    scalars = ("numpy.core.multiarray", "numpy._core.multiarray")
    layers = {
        "torch.nn.modules.container": "Sequential",
        "torch.nn.modules.activation": "LeakyReLU",
        "torch.nn.modules.instancenorm": "InstanceNorm2d",
    }
    return Vocabulary(
        functions={
            Name("torch_utils.persistence", "_reconstruct_persistent_obj"): _module,
            Name("torch._utils", "_rebuild_tensor_v2"): _tensor,
            Name("torch._utils", "_rebuild_parameter"): _parameter,
            Name("torch.storage", "_load_from_bytes"): lambda args: _storage(args, budget),
            Name("collections", "OrderedDict"): _empty_dictionary,
            Name("builtins", "set"): _set,
            Name("numpy", "dtype"): _number_type,
            **{Name(module, "scalar"): _number for module in scalars},
        },
        classes={
            Name("dnnlib.util", "EasyDict"): _empty_dictionary,
            **{Name(m, n): lambda args, kind=n: _layer(kind, args) for m, n in layers.items()},
        },
        names=frozenset(CLASSES),
        builders={dict: _keep_dictionary, NumberType: _keep_number_type, Module: _fill_layer},
    )


def _take(arguments: tuple, what: str, *kinds: type | tuple[type, ...]) -> tuple:
    """Return arguments after checking their number and kinds."""
    fits = len(arguments) == len(kinds) and all(map(isinstance, arguments, kinds))
    if not fits:
        raise ValueError(f"has {what} with arguments that no network has")
    return arguments


def _module(arguments: tuple) -> Module:
    (meta,) = _take(arguments, "a network", dict)
    if meta.get("type") != "class" or meta.get("version") != PERSISTENCE_VERSION:
        found = brief(meta.get("version"))
        raise ValueError(
            f"has a network of format {found}, but only {PERSISTENCE_VERSION} can be imported"
        )
    kind, state = meta.get("class_name"), meta.get("state")
    if not isinstance(kind, str) or not isinstance(state, dict):
        raise ValueError("has a network without a class or without a state")
    return Module(kind, state)


def _layer(kind: str, arguments: tuple) -> Module:
    _take(arguments, f"a layer {kind}")
    return Module(kind, {})


def _fill_layer(module: Module, state: Any) -> Module:
    if module.state or not isinstance(state, dict):
        raise ValueError(f"has a layer {module.kind} with a second state")
    module.state = state
    return module


def _tensor(arguments: tuple) -> StoredTensor:
    kinds = (Storage, int, tuple, tuple, bool, dict)
    storage, offset, shape, strides, _, hooks = _take(arguments, "a tensor", *kinds)
    if hooks:
        raise ValueError("has a tensor with hooks")
    return StoredTensor.of(storage, offset, shape, strides)


def _parameter(arguments: tuple) -> StoredTensor:
    tensor, _, hooks = _take(arguments, "a parameter", StoredTensor, bool, dict)
    if hooks:
        raise ValueError("has a parameter with hooks")
    return tensor


def _storage(arguments: tuple, budget: Budget) -> Storage:
    (data,) = _take(arguments, "a storage", memoryview)
    return read_storage(data, budget)


def _empty_dictionary(arguments: tuple) -> dict:
    _take(arguments, "a dictionary")
    return {}


def _keep_dictionary(value: dict, state: Any) -> dict:
    if state != {}:
        raise ValueError("has a dictionary with attributes")
    return value


def _set(arguments: tuple) -> set:
    (members,) = _take(arguments, "a set", list)
    if len(members) > MAX_MEMBERS:  # the list can be there once and be used any number of times
        raise ValueError(f"has a set of {len(members):,} texts, but {MAX_MEMBERS} are enough")
    if not all(type(member) is str for member in members):
        raise ValueError("has a set of other things than texts")
    return set(members)


def _number_type(arguments: tuple) -> NumberType:
    code, _, _ = _take(arguments, "a numpy type", str, (bool, int), (bool, int))
    if code not in NUMBERS:
        raise ValueError(f"has numbers of the numpy type {code[:20]!r}, which no network needs")
    return NumberType(code)


def _keep_number_type(value: NumberType, state: Any) -> NumberType:
    if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", "|"):
        raise ValueError("has numbers that are not little-endian")
    return value


def _number(arguments: tuple) -> float | int | bool:
    kind, data = _take(arguments, "a number", NumberType, memoryview)
    form = NUMBERS[kind.code]
    if len(data) != struct.calcsize(form):
        raise ValueError(f"has a number of {len(data):,} bytes")
    return struct.unpack(form, data)[0]
