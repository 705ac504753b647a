"""Malformed scenes: a real scene's JSON with its characters, its values or its structure damaged, from a seed."""

import copy
import json
import random
import string
from collections.abc import Iterator
from typing import Any

VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0.5,
    -0.0,
    1e-320,
    1e308,
    float("nan"),
    float("inf"),
    2**63,
    10**29,
    "",
    "\x00",
    "\ud800",
    "../../etc/passwd",
    "x" * 5000,
    [],
    {},
    [[]],
    [0] * 300,
    [[0, 0]] * 300,
    {"seed": 1},
    {"center": [0, 0], "sigma": 0.1},
)


def malformed(text: str, count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield damaged versions of a scene; a few of them may still be scenes."""
    dice = random.Random(seed)
    document = json.loads(text)
    for number in range(count):
        if number % 2:
            yield _with_other_characters(text, dice)
        else:
            yield _with_other_values(document, dice)


def _with_other_characters(text: str, dice: random.Random) -> bytes:
    damaged = bytearray(text.encode())
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(damaged) or 1)
        match dice.randrange(5):
            case 0:
                damaged[place : place + 1] = bytes([dice.randrange(256)])
            case 1:
                damaged[place : place + 1] = dice.choice(string.printable).encode()
            case 2:
                del damaged[place : place + dice.randint(1, 20)]
            case 3:
                damaged[place:place] = damaged[place : place + dice.randint(1, 40)]
            case _:
                del damaged[max(1, place) :]
    return bytes(damaged)


def _with_other_values(document: Any, dice: random.Random) -> bytes:
    damaged = copy.deepcopy(document)
    for _ in range(dice.randint(1, 2)):
        holder, key = dice.choice(list(_places(damaged)))
        match dice.randrange(6):
            case 0 | 1 | 2:
                holder[key] = copy.deepcopy(dice.choice(VALUES))
            case 3:
                del holder[key]
            case 4:
                holder[key] = [holder[key]]
            case _ if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(holder[key]))
            case _:
                holder[f"{key}_"] = holder.pop(key)
    return json.dumps(damaged).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield where values sit in JSON data: the dict or list, and the key."""
    if isinstance(value, dict | list):
        for key in range(len(value)) if isinstance(value, list) else list(value):
            yield value, key
            yield from _places(value[key])
