"""Tensors inside a pickle: the bytes of their storages, and how shapes and strides look at them.

A storage comes as the five pickles of torch's format before 2020 (magic number, version, system, the storage
itself, its keys), then its number of elements and its raw bytes; torch still writes that into other pickles.
Nothing is allocated by what a file claims: bytes stay where they are until they are asked for.
"""

import struct
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from spatialgan.imports.machine import Vocabulary, read_pickle
from spatialgan.imports.opcodes import Budget, Name

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
ZIP = b"PK\x03\x04"
MAX_DIMENSIONS = 8
DTYPES = {  # torch's storage classes: little-endian numpy dtypes
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "DoubleStorage": "<f8",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "BoolStorage": "|b1",
}
CLASSES = {Name(m, n): dtype for m in ("torch", "torch.cuda") for n, dtype in DTYPES.items()}


@dataclass(frozen=True)
class Storage:
    """Elements in a row; their bytes are part of the file's."""

    dtype: str
    data: memoryview

    @property
    def num_elements(self) -> int:
        """Return how many there are."""
        return len(self.data) // np.dtype(self.dtype).itemsize

    @property
    def address(self) -> int:
        """Return where the bytes are in memory: the same for all storages of the same bytes."""
        return np.frombuffer(self.data, np.uint8).ctypes.data


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as it is stored. Raises ValueError if it would reach beyond its storage, or overlap itself."""

    storage: Storage
    offset: int  # elements
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # elements

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.strides) or len(self.shape) > MAX_DIMENSIONS:
            raise ValueError("has a tensor whose shape and strides don't fit together")
        reach = 1
        for stride, size in sorted(zip(self.strides, self.shape, strict=True)):
            if size > 1 and stride < reach:
                raise ValueError("has a tensor that overlaps itself")
            reach += (size - 1) * stride if size > 1 else 0
        if prod(self.shape) and self.offset + reach > self.storage.num_elements:
            raise ValueError(
                f"has a tensor that reaches to element {self.offset + reach:,} of a storage of "
                f"{self.storage.num_elements:,}"
            )

    @classmethod
    def of(cls, storage: Storage, offset: Any, shape: Any, strides: Any) -> "StoredTensor":
        """Return a tensor from a file's description, which may be anything."""
        claims = {"offset": (offset,), "shape": shape, "strides": strides}
        for what, numbers in claims.items():
            if not isinstance(numbers, tuple) or any(type(n) is not int or n < 0 for n in numbers):
                raise ValueError(
                    f"has a tensor whose {what} is not made of whole numbers from 0 up"
                )
        return cls(storage, offset, shape, strides)

    def array(self) -> np.ndarray:
        """Return the numbers: a copy, contiguous, in the machine's order of bytes."""
        elements = np.frombuffer(self.storage.data, self.storage.dtype)[self.offset :]
        sizes = zip(self.shape, self.strides, strict=True)
        # where there is one element or none, torch may write any stride
        strides = [stride * elements.itemsize if size > 1 else 0 for size, stride in sizes]
        view = np.lib.stride_tricks.as_strided(elements, self.shape, strides, writeable=False)
        return view.astype(elements.dtype.newbyteorder("="), order="C", copy=True)


def read_storage(data: memoryview, budget: Budget) -> Storage:
    """Return the storage in bytes that torch wrote; raises ValueError for anything else than exactly one."""
    if bytes(data[:4]) == ZIP:
        raise ValueError("has a tensor in a ZIP, which no released network has")
    header, position = read_header(data, budget)
    check_header(header)
    vocabulary = Vocabulary(names=frozenset(CLASSES), persistent=Claim.of)
    claim, position = read_pickle(data, position, vocabulary, budget)
    keys, position = read_pickle(data, position, Vocabulary(), budget)
    if not isinstance(claim, Claim) or keys != [claim.key]:
        raise ValueError("has a tensor without exactly one storage")
    return claim.storage(data[position:])


def read_header(data: memoryview, budget: Budget) -> tuple[list, int]:
    """Return the first three pickles of torch's format, and where they end."""
    position, header = 0, []
    for _ in range(3):
        value, position = read_pickle(data, position, Vocabulary(), budget)
        header.append(value)
    return header, position


def check_header(header: list) -> None:
    """Raise ValueError unless the first three pickles are those of torch's format."""
    system = header[2] if isinstance(header[2], dict) else {}
    if header[:2] != [MAGIC_NUMBER, PROTOCOL_VERSION] or system.get("little_endian") is not True:
        raise ValueError("has a tensor in a format that is not torch's")


@dataclass(frozen=True)
class Claim:
    """What a storage says it is."""

    dtype: str
    key: str
    num_elements: int

    @classmethod
    def of(cls, persistent_id: Any) -> "Claim":
        """Return the claim in ("storage", class, key, device, number of elements[, view])."""
        if not isinstance(persistent_id, tuple) or len(persistent_id) not in (5, 6):
            raise ValueError("has a persistent id that is no storage")
        kind, storage, key, _, num_elements, *view = persistent_id
        if kind != "storage" or not isinstance(storage, Name) or type(key) is not str:
            raise ValueError("has a persistent id that is no storage")
        if view not in ([], [None]):
            raise ValueError("has a storage that is a view of another")
        if type(num_elements) is not int or num_elements < 0:
            raise ValueError("has a storage with an impossible number of elements")
        return cls(CLASSES[storage], key, num_elements)

    def storage(self, data: memoryview) -> Storage:
        """Return the storage in the number of elements and bytes that follow the pickles."""
        length = self.num_elements * np.dtype(self.dtype).itemsize
        if len(data) != 8 + length:
            raise ValueError(f"has a storage of {length:,} bytes in {max(len(data) - 8, 0):,}")
        if struct.unpack("<q", data[:8])[0] != self.num_elements:
            raise ValueError("has a storage that contradicts itself about its number of elements")
        return Storage(self.dtype, data[8:])
