"""Checks of values that people write: each returns the value, or raises ValueError that names the place."""

import json
import math
import numbers
from typing import Any

MAX_SHOWN = 40  # characters of a wrong value that a message repeats


def number(place: str, value: Any) -> float:
    """Return a finite number as float; raises ValueError for anything else, booleans included."""
    try:
        found = float(value) if isinstance(value, numbers.Real) else math.nan
    except OverflowError:  # a whole number of hundreds of digits
        found = math.inf
    if isinstance(value, bool) or not math.isfinite(found):
        raise ValueError(f"{place} is {shown(value)}, but must be a number")
    return found


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
    # the float32 of a bound may lie beyond it
    slack = 0 if isinstance(value, int) else 1e-6
    if not low - slack * abs(low) <= value <= high + slack * abs(high):
        text = shown(value) if isinstance(value, int) else f"{value:.6g}"
        first, last = (one if isinstance(one, int) else f"{one:g}" for one in (low, high))
        raise ValueError(f"{place} is {text}, but goes from {first} to {last}")


def shown(value: Any) -> str:
    """Return a value as a few characters for a message; of a list or an object only its kind."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**MAX_SHOWN:
        return "a number of too many digits"
    if isinstance(value, str | int | float) or value is None:
        text = json.dumps(value)
        return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."
    return type(value).__name__
