"""Choosing by name, and the one message for an unknown name.

A variant is an entry of a dict (SAMPLERS, ENCODINGS, ...), and its key is what params/, a scene or the
command line calls it. Names come from files and from people, so messages show them escaped and shortened.
"""

from collections.abc import Iterable, Mapping
from typing import TypeVar

Option = TypeVar("Option")

MAX_SHOWN = 60  # characters of an unknown name that a message repeats


def choose(options: Mapping[str, Option], what: str, name: str) -> Option:
    """Return options[name], where `what` says in words what is chosen ("encoding").

    Raises ValueError, naming the valid options, if there is no such name.
    """
    check_choice(options, what, name)
    return options[name]


def check_choice(options: Iterable, what: str, name: object) -> None:
    """Raise ValueError, naming the valid options, unless `name` is one of them."""
    known = list(options)
    if name not in known:
        raise ValueError(unknown_name(known, what, name))


def unknown_name(options: Iterable, what: str, name: object) -> str:
    """Return the message for a name that is not among the options."""
    return f"unknown {what} {shown(name)}: choose one of {', '.join(map(str, options))}"


def brief(value: object) -> str:
    """Return a plain value as a message shows it, and of any other only its type: it may nest without end."""
    plain = isinstance(value, str | int | float | None)
    return shown(value) if plain else f"a {type(value).__name__}"


def shown(name: object) -> str:
    """Return a name as a message shows it: quoted, control characters escaped, the end of a long one left out."""
    text = repr(name)
    return text if len(text) <= MAX_SHOWN + 2 else f"{text[: MAX_SHOWN + 1]}...{text[-1]}"
