"""Look things up in a checkpoint's network by name, and keep account of which tensors were used.

A network can be imported only if ours has a place for each of its tensors, so that nothing is lost silently.
"""

import re
from dataclasses import dataclass, field
from math import isclose, prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spatialgan.imports.checkpoint import Module
from spatialgan.imports.storages import StoredTensor
from spatialgan.variants import brief, shown

MAX_PARTS = 1000  # the networks have up to 200
MAX_ENTRIES = 100  # of a section of a part; the networks have up to 25
MAX_PATH = 200  # characters of a part's path; the networks have up to 40
SHARED = (
    250_000  # elements by which tensors may exceed their storages: layers may share small filters
)
NAME = re.compile("[A-Za-z0-9_]{1,60}")  # of a part or a tensor
PLAIN = (str, int, float, bool, type(None))
RESAMPLE_FILTER = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


@dataclass
class Ledger:
    """What was taken from a network."""

    paths: set[str] = field(default_factory=set)  # of tensors
    num_elements: int = 0  # of all of them
    storages: dict[int, int] = field(default_factory=dict)  # where bytes are: elements

    def enter(self, path: str, tensor: StoredTensor) -> None:
        """Note a tensor; raises ValueError if a few stored bytes are used for too many tensors."""
        self.paths.add(path)
        self.num_elements += prod(tensor.shape)
        self.storages[tensor.storage.address] = tensor.storage.num_elements
        if self.num_elements > sum(self.storages.values()) + SHARED:
            raise ValueError(f"{path}: the same bytes are used for too many tensors")


@dataclass(frozen=True)
class Part:
    """A part of a network: reads attributes, tensors and smaller parts. Its methods raise ValueError, with
    the part's path, for anything that is missing or can't be imported."""

    path: str  # dotted, from the network's name
    module: Module
    taken: Ledger = field(default_factory=Ledger)  # shared by all parts of a network

    @classmethod
    def of(cls, path: str, value: Any) -> "Part":
        """Return a value as a part, if it is one."""
        if not isinstance(value, Module):
            raise ValueError(f"has no network {path}")
        return cls(path, value)

    def __post_init__(self) -> None:
        if len(self.path) > MAX_PATH:
            raise ValueError(f"has parts in parts without end: {shown(self.path)}")

    def _section(self, name: str) -> dict:
        section = self.module.state.get(name, {})
        if not isinstance(section, dict):
            raise ValueError(f"{self.path}: {name} is not a dictionary")
        if len(section) > MAX_ENTRIES:
            raise ValueError(f"{self.path}: {name} has {len(section):,} entries")
        for key in section:
            if not isinstance(key, str) or not NAME.fullmatch(key):
                raise ValueError(f"{self.path}: {name} has an entry {brief(key)}")
        return section

    def has(self, name: str) -> bool:
        """Return whether there is a smaller part of this name."""
        return isinstance(self._section("_modules").get(name), Module)

    def part(self, name: str) -> "Part":
        """Return the module of this name inside this one; raises ValueError if there is none."""
        if not self.has(name):
            raise ValueError(f"{self.path} has no part {name}")
        return Part(f"{self.path}.{name}", self._section("_modules")[name], self.taken)

    def attribute(self, name: str) -> Any:
        """Return an attribute that is not a tensor."""
        if name not in self.module.state:
            raise ValueError(f"{self.path} has no attribute {name}")
        return self.module.state[name]

    def require(self, name: str, *wanted: Any) -> None:
        """Raise ValueError unless an attribute has one of the values that can be imported."""
        value = self.attribute(name)
        if type(value) not in PLAIN or value not in wanted:
            choices = " or ".join(map(brief, wanted))  # which may come from the file, too
            raise ValueError(
                f"{self.path}: {name} is {brief(value)}, but only {choices} can be imported"
            )

    def integer(self, name: str, low: int, high: int) -> int:
        """Return an attribute that is a whole number in a range."""
        value = self.attribute(name)
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"{self.path}: {name} must be a whole number from {low} to {high}")
        return value

    def number(self, name: str) -> float:
        """Return an attribute that is a finite number."""
        value = self.attribute(name)
        if type(value) not in (int, float) or not abs(value) < 1e6:
            raise ValueError(f"{self.path}: {name} is not a number that can be imported")
        return float(value)

    def tensors(self) -> dict[str, StoredTensor]:
        """Return the tensors of this part itself: parameters and buffers."""
        merged = {**self._section("_parameters"), **self._section("_buffers")}
        return {name: t for name, t in merged.items() if isinstance(t, StoredTensor)}

    def tensor(self, name: str, *shape: int) -> Tensor:
        """Return a tensor of a shape, in fp32."""
        found = self.tensors().get(name)
        if found is None:
            raise ValueError(f"{self.path} has no tensor {name}")
        if found.shape != shape:
            raise ValueError(f"{self.path}.{name} has the shape {found.shape}, not {shape}")
        self.taken.enter(f"{self.path}.{name}", found)
        values = torch.from_numpy(found.array()).float()
        if not values.isfinite().all():
            raise ValueError(f"{self.path}.{name} has values that are not finite")
        return values

    def scaled(self, name: str, attribute: str, gain: float, *shape: int) -> Tensor:
        """Return a tensor by which ours, times `gain`, is the released one times its own gain."""
        ratio = self.number(attribute) / gain
        values = self.tensor(name, *shape)
        return values if isclose(ratio, 1, rel_tol=1e-6) else values * ratio

    def walk(self) -> list["Part"]:
        """Return this part and all smaller ones; each must be there once."""
        found, seen = [self], {id(self.module)}
        for part in found:  # which grows
            for name, module in part._section("_modules").items():
                if module is None:
                    continue
                if id(module) in seen or len(found) == MAX_PARTS:
                    raise ValueError(
                        f"{part.path}.{name} appears twice, or there are too many parts"
                    )
                seen.add(id(module))
                found.append(part.part(name))  # pyright: ignore[reportArgumentType]
        return found  # pyright: ignore[reportReturnType]

    def check_filters(self) -> None:
        """Raise ValueError unless every resampling filter of the network is StyleGAN2's [1, 3, 3, 1]."""
        for part in self.walk():
            if "resample_filter" in part.tensors():
                values = part.tensor("resample_filter", 4, 4).numpy()
                if not np.allclose(values, RESAMPLE_FILTER, atol=1e-6):
                    raise ValueError(f"{part.path}: resample_filter is not [1, 3, 3, 1]")

    def check_all_used(self) -> None:
        """Raise ValueError, naming one, if a tensor of the network has no place in ours."""
        for part in self.walk():
            for name in part.tensors():
                if f"{part.path}.{name}" not in self.taken.paths:
                    raise ValueError(f"{part.path}.{name} has no place in our networks")
