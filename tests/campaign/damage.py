"""Damage at random, always from a seed: bytes, JSON data and texts changed; and the judge of how a reader took them.

A reader may take what it gets for something legal, or refuse it by an exception that the command line says in one
clear line. Everything else is a fault: another exception, more than SECONDS, or more than MEMORY.
"""

import copy
import json
import math
import random
import re
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spatialgan.cli.faults import lines_about

SECONDS = 10  # of computing that one input may take
WAITING = 60  # seconds after which a reader is taken for waiting, whatever else runs on the machine
MEMORY = 400_000_000  # bytes that a reader may ask for
PAGE = resource.getpagesize()
MEMORY_WORDS = re.compile(r"\bmemory\b|MemoryError")
# in place of a value in JSON data, whatever its type
VALUES: tuple[Any, ...] = (
    *(None, True, False, "", "x", "none", "\x00", "\ud800", "\x1b[31m", "../../etc/passwd"),
    *("x" * 5000, "a|b", "<script>", "\\input{x}", "1", "nan", "=1", [], {}, [[]], {"a": 1}),
    *([0] * 300, {"name": "none"}, {"seed": 1}, [None], 0, 1, -1, 2, 3, 16, 17, 0.5, 1.5, -0.0),
    *(8.0, 1e-320, 1e308, -1e308, math.inf, -math.inf, math.nan, 2**20, 2**31, 2**53, 2**63),
    *(-(2**63), 2**64, 10**29, 10**400),
)


class Hung(BaseException):
    """A reader took too long; no reader's own `except Exception` catches this."""


@dataclass(frozen=True)
class Taken:
    """How a reader took its input: by a value, by a refusal in one line, or wrongly."""

    value: Any = None
    refusal: str = ""
    fault: str = ""


def take(read: Callable[[], Any], naming: Path | None = None) -> Taken:
    """Return how a reader takes its input; a refusal must name the file `naming`."""
    try:
        with _limits():
            return Taken(read())
    except Hung as stop:
        return Taken(fault=f"hangs: {stop}")
    except MemoryError as error:
        return Taken(fault=f"asks for memory: {error}")
    except Exception as error:
        return _refusal(error, naming)


def _refusal(error: Exception, naming: Path | None) -> Taken:
    line = lines_about(error)[0]
    if line.startswith("this is a bug") or MEMORY_WORDS.search(line) or not line.isprintable():
        return Taken(fault=f"{type(error).__name__}: {line[:300]}")
    if naming is not None and naming.name not in line:
        return Taken(fault=f"names no file: {line[:300]}")
    return Taken(refusal=line)


@contextmanager
def _limits() -> Iterator[None]:
    """Raise Hung in a block that takes too long, MemoryError in one that takes too much."""

    def stop(number: int, _: Any) -> None:
        raise Hung("computes" if number == signal.SIGPROF else "waits")

    former = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * PAGE
    handlers = {number: signal.signal(number, stop) for number in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, WAITING)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, former)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def damaged_bytes(data: bytes, dice: random.Random) -> bytes:
    """Return bytes with one to three places changed."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        place = dice.randrange(len(changed) or 1)
        if dice.random() < 0.3:
            place %= 64  # headers
        _damage(changed, place, dice)
    return bytes(changed)


def _damage(changed: bytearray, place: int, dice: random.Random) -> None:
    length = dice.choice((1, 2, 4, 4, 8, 40))
    match dice.randrange(9):
        case 0 | 1 | 2 if place < len(changed):
            changed[place] ^= 1 << dice.randrange(8)
        case 3:
            del changed[place:]
        case 4:
            changed[place : place + length] = bytes(length)
        case 5:
            changed[place : place + length] = b"\xff" * length
        case 6:
            del changed[place : place + length]
        case 7:
            changed[place:place] = dice.randbytes(length)
        case _:  # a piece from elsewhere
            other = dice.randrange(len(changed) or 1)
            changed[place : place + length] = changed[other : other + length]


def damaged_data(document: Any, dice: random.Random) -> Any:
    """Return JSON data with one or two of its values changed, removed, repeated or renamed."""
    found = copy.deepcopy(document)
    for _ in range(dice.choice((1, 1, 1, 2))):
        places = list(_places(found))
        if not places:
            break
        holder, key = dice.choice(places)
        match dice.randrange(8):
            case 0 | 1 | 2 | 3:
                holder[key] = copy.deepcopy(dice.choice(VALUES))
            case 4:
                del holder[key]
            case 5:
                holder[key] = [holder[key]]
            case 6:  # what stands elsewhere
                other, name = dice.choice(places)
                holder[key] = copy.deepcopy(other[name])
            case _ if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(holder[key]))
            case _:
                holder[dice.choice((f"{key}_", "x", "", "\x1b[31m", "a/b", "../x"))] = holder.pop(
                    key
                )
    return found


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield where values sit in JSON data: the dict or list, and the key."""
    if isinstance(value, dict | list):
        for key in range(len(value)) if isinstance(value, list) else list(value):
            yield value, key
            yield from _places(value[key])


def json_bytes(data: Any, dice: random.Random) -> bytes:
    """Return JSON data as a text, which sometimes is damaged in ways that no data can be."""
    text = json.dumps(data)
    match dice.randrange(24):
        case 0:  # a key that is there twice
            text = text.replace("{", '{"x": 1, "x": 2, ', 1)
        case 1:
            text = text.replace("1", "1" * dice.choice((30, 400, 5000)), 1)
        case 2:
            depth = dice.choice((60, 2000, 200_000))
            text = text.replace(":", ": " + "[" * depth, 1)
        case 3:
            depth = dice.choice((60, 900, 100_000))
            text = text.replace("null", "[" * depth + "]" * depth, 1)
        case 4:
            return text.encode(dice.choice(("utf-16", "utf-32", "utf-8-sig")))
        case 5 | 6 | 7:
            return damaged_bytes(text.encode(), dice)
    return text.encode()


LINES = (
    "<<<<<<< HEAD",
    "=======",
    "\t",
    "- ",
    "{",
    "]",
    "x: &a [*a]",
    "? a",
    "---",
    "...",
    "\x00",
    "é",
)


def damaged_text(text: str, dice: random.Random) -> bytes:
    """Return a text of lines with some of them changed, such as by a conflict of git."""
    lines = text.split("\n")
    for _ in range(dice.choice((1, 1, 2))):
        here, there = dice.randrange(len(lines)), dice.randrange(len(lines))
        match dice.randrange(7):
            case 0:
                del lines[here : here + dice.choice((1, 1, 3))]
            case 1:
                lines.insert(here, lines[there])
            case 2:
                lines[here], lines[there] = lines[there], lines[here]
            case 3:
                lines.insert(here, dice.choice(LINES))
            case 4:
                lines[here] = dice.choice(("", " ", "  ")) + lines[here].strip()
            case _:
                return damaged_bytes("\n".join(lines).encode(), dice)
        lines = lines or [""]
    return "\n".join(lines).encode("utf-8", "surrogatepass")
