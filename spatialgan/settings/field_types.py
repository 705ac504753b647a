"""Values from files against the annotations of the dataclasses that they are meant for, before anything is built."""

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from spatialgan.variants import shown

MAX_WHOLE = 2**63 - 1  # also of seeds
MAX_ITEMS = 64  # of a list of numbers
WORDS = {int: "a whole number", float: "a finite number", str: "a text", bool: "true or false"}


def check_values(cls: Any, values: Mapping[str, Any]) -> None:
    """Check values for fields of a dataclass, given as tuples where the annotation says so.

    Raises ValueError, naming field, value and what is wanted; whole numbers go up to MAX_WHOLE, others are finite.
    """
    kinds = _kinds(cls)
    for name, value in values.items():
        if not fits(value, kinds[name]):
            wanted = ", or ".join(dict.fromkeys(_words(kinds[name])))
            raise ValueError(f"{name} is {shown(value)}, but must be {wanted}")


def fits(value: Any, kind: Any, most: int = MAX_WHOLE) -> bool:
    """Return whether a value is what an annotation says, whole numbers within +-`most`.

    Whatever is neither number, text nor tuple is not looked at.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        if not isinstance(value, tuple) or len(value) > MAX_ITEMS:
            return False
        each = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        return len(each) == len(value) and all(map(fits, value, each, [most] * len(value)))
    if origin is typing.Literal:
        return isinstance(value, str | int) and value in arguments
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one, most) for one in arguments)
    if kind is float:
        return _is_number(value) and math.isfinite(value)
    if kind is int:
        return type(value) is int and abs(value) <= most
    if kind in (str, bool):
        return type(value) is kind
    if dataclasses.is_dataclass(kind):
        return isinstance(value, kind)  # pyright: ignore[reportArgumentType]
    return True


def _is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) <= MAX_WHOLE)


@functools.cache
def _kinds(cls: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _words(kind: Any) -> Iterator[str]:
    """Yield in words what an annotation wants."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        yield "a list of " + " and ".join(
            dict.fromkeys(word for one in arguments if one is not ... for word in _words(one))
        )
    elif origin is typing.Literal:
        yield f"one of {', '.join(map(str, arguments))}"
    elif origin in (typing.Union, types.UnionType):
        for one in arguments:
            yield from _words(one)
    else:
        yield WORDS.get(kind, "a mapping")
