"""A file's header is checked before anything is built from it.

A header that matches its hash may still be one that this program didn't write. So types and ranges are checked, and
a network may take no more memory than the file's tensors account for.
"""

import dataclasses
import math
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from spatialgan.settings.field_types import fits
from spatialgan.variants import shown

MAX_NUMBER = 1 << 20  # of sizes and counts
MAX_COPIES = 3  # of a network's weights that its construction may make
SLACK = 1 << 20  # elements that it may make beside them
FACTORIES = (torch.randn, torch.rand, torch.zeros, torch.ones, torch.empty, torch.full)

Network = TypeVar("Network", bound=nn.Module)


@contextmanager
def describing(path: Path, what: str) -> Iterator[None]:
    """Turn whatever goes wrong with a header into a ValueError, one line that names the file."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        words = " ".join(str(error).split())
        if not isinstance(error, ValueError):
            words = f"{type(error).__name__}: {words}"
        raise ValueError(f"{path}: its header describes no {what} ({words[:300]})") from None


def whole(header: Mapping, name: str, most: int = MAX_NUMBER) -> int:
    """Return a whole number from 0 to `most`; raises ValueError if the header holds none."""
    value = header.get(name)
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{name} is {shown(value)}, not a whole number from 0 to {most}")
    return value


def texts(header: Mapping, name: str) -> list[str]:
    """Return a list of texts; raises ValueError if the header holds none."""
    value = header.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{name} is {shown(value)}, not a list of texts")
    return value


def check_fields(instance: Any, place: str = "", most: int = MAX_NUMBER) -> None:
    """Check the fields of a dataclass, nested ones too, by their annotations; raises ValueError that names one.

    Whole numbers lie within +-`most`, others are finite, and lists have at most field_types.MAX_ITEMS items.
    """
    hints = typing.get_type_hints(type(instance))
    for field in dataclasses.fields(instance):
        value, where = getattr(instance, field.name), f"{place}{field.name}"
        if dataclasses.is_dataclass(value):
            check_fields(value, f"{where}.", most)
        elif not fits(value, hints[field.name], most):
            raise ValueError(f"{where} is {shown(value)}")


def filled(build: Callable[[], Network], weights: Mapping[str, Tensor]) -> Network:
    """Return a network with these weights.

    Raises ValueError if the weights don't fit or aren't finite numbers; a network that asks for much more memory is
    not built.
    """
    with _Bounded(SLACK + MAX_COPIES * sum(tensor.numel() for tensor in weights.values())):
        network = build()
    own = network.state_dict()
    for name, tensor in weights.items():
        if name in own and own[name].is_floating_point():
            check_numbers(name, tensor)
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise ValueError(str(error)) from None
    return network


def check_numbers(name: str, tensor: Tensor) -> None:
    """Raise ValueError unless a tensor holds finite floating-point numbers."""
    if not tensor.is_floating_point():
        raise ValueError(f"{name} holds {str(tensor.dtype).removeprefix('torch.')} numbers")
    if not tensor.isfinite().all():
        raise ValueError(f"{name} has values that are not finite")


class _Bounded(TorchFunctionMode):
    """Refuse to make tensors with more elements in all than `left`."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Count what is made, then make it."""
        if func in FACTORIES:
            size = args[0] if args and isinstance(args[0], (tuple, list)) else args
            self.left -= math.prod(n for n in size if isinstance(n, int))
            if self.left < 0:
                raise ValueError("it asks for many more numbers than the file holds")
        return func(*args, **(kwargs or {}))
