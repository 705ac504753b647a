"""Checks of values that people write: each returns the value, or raises ValueError that names the place."""

import json
import math
import numbers
from typing import Any

MAX_SHOWN = 40  # characters of a wrong value that a message repeats


def number(place: str, value: Any) -> float:
    """Return a finite number as float; raises ValueError for anything else, booleans included."""
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Real)
        or not math.isfinite(float(value))
    ):
        raise ValueError(f"{place} is {shown(value)}, but must be a number")
    return float(value)


def whole_number(place: str, value: Any) -> int:
    """Return a whole number as int; raises ValueError for anything else, booleans included."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ValueError(f"{place} is {shown(value)}, but must be a whole number")
    return int(value)


def text(place: str, value: Any) -> str:
    """Return a text; raises ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError(f"{place} is {shown(value)}, but must be a text")
    return value


def check_range(place: str, value: float, low: float, high: float) -> None:
    """Raise ValueError, naming the place and the range, unless low <= value <= high; NaN never is."""
    tolerance = 1e-6 * abs(low)  # the float32 of a bound may lie beyond it
    if not low - tolerance <= value <= high * (1 + 1e-6):
        raise ValueError(f"{place} is {value:.6g}, but goes from {low:g} to {high:g}")


def shown(value: Any) -> str:
    """Return a value as a few characters for a message; of a list or an object only its kind."""
    if isinstance(value, str | int | float) or value is None:
        text = json.dumps(value)
        return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."
    return type(value).__name__
