"""Untrusted files, read whole: bytes, text, JSON and YAML.

Only regular files of limited size are opened: opening a pipe would wait forever, and a device may give data
endlessly. Any fault is a ValueError of one line that begins with the file's name.
"""

import errno
import json
import math
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any

import yaml

MAX_DOCUMENT = 64_000_000  # bytes of a JSON file
MAX_YAML = 2_000_000  # bytes of a YAML file
MAX_DEPTH = 50  # collections within collections
MAX_NODES = 200_000  # values in a YAML file, those that aliases repeat included
MAX_DIGITS = 30  # of a whole number
KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}
# Errors of opening a file that are there again the next time
LASTING = (
    *(errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP),
    *(errno.ENAMETOOLONG, errno.ENXIO, errno.ENODEV),
)
# in C where there is one: ten times as fast
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unread(OSError):
    """The system failed to read a file, which the message names: it may succeed next time."""


def unusual_kind(mode: int) -> str:
    """Return the kind of a file from its mode, such as "a pipe"; "" for a regular file."""
    return "" if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "no file")


def open_regular(path: Path) -> BufferedReader:
    """Return a regular file opened for reading; raises OSError as `open`, and ValueError for a file of another kind."""
    try:
        # a pipe would be waited for, and a terminal could become the program's own
        file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY), "rb")
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise ValueError(f"{path}: is a socket, not a file") from None
        raise
    kind = unusual_kind(os.fstat(file.fileno()).st_mode)
    if kind:
        file.close()
        raise ValueError(f"{path}: is {kind}, not a file")
    return file


def read_bytes(path: Path, limit: int = MAX_DOCUMENT) -> bytes:
    """Return the bytes of a regular file.

    Raises ValueError, naming the file, if it is missing, may not be read, is of another kind or has more than
    `limit` bytes; OSError, naming it too, if the system fails: that says nothing about the file.
    """
    try:
        with open_regular(path) as file:
            is_large = os.fstat(file.fileno()).st_size > limit
            data = b"" if is_large else file.read(limit + 1)
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file") from None
    except OSError as error:
        raise read_error(path, error) from error
    if is_large or len(data) > limit:
        raise ValueError(f"{path}: has more than {limit:,} bytes, which is too much")
    return data


def read_error(path: Path | str, error: OSError) -> Exception:
    """Return an error of reading a file as one that names it.

    A ValueError if what is under that name is at fault, such as a file that may not be read; otherwise Unread.
    """
    words = f"{path}: cannot be read ({error.strerror or error})"
    return ValueError(words) if error.errno in LASTING else Unread(words)


def read_text(path: Path, limit: int = MAX_DOCUMENT) -> str:
    """Return the text of a file in UTF-8; raises ValueError as `read_bytes` does, and if it is not text."""
    try:
        return read_bytes(path, limit).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not text in UTF-8 (byte {error.start})") from None


def parse_json(text: str | bytes, finite: bool = True) -> Any:
    """Return JSON data from a text, or from its bytes in UTF-8.

    Raises ValueError, in one line, for what is not JSON, duplicate keys, numbers that are NaN, infinite or
    too long, and nesting that is too deep. Unless `finite`, 1e999 is read as infinite, so that a caller can name its place.
    """
    try:
        return json.loads(
            text.decode("utf-8") if isinstance(text, bytes) else text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_int=_whole_number,
            parse_float=_finite_number if finite else None,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"is not valid JSON: no text in UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"is not valid JSON: {error.msg} in {place}") from None
    except RecursionError:
        raise ValueError("is not valid JSON: it nests too deep") from None


def read_json(path: Path) -> Any:
    """Return the data of a JSON file; raises ValueError, naming the file, as `read_text` and `parse_json`."""
    try:
        return parse_json(read_text(path))
    except ValueError as error:
        raise ValueError(_with_path(path, error)) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key[:40]!r} is there twice")
        found[key] = value
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number that can be used")


def _whole_number(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"{digits[:20]}... is not a number that can be used")
    return int(digits)


def _finite_number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is not a number that can be used")
    return number


def read_yaml(path: Path) -> Any:
    """Return the data of a YAML file.

    Raises ValueError, naming file and line, for anything that is not YAML, duplicate keys, nesting that is too deep, and
    aliases that would make a large document of a small one.
    """
    text = read_text(path, MAX_YAML)
    try:
        _check_depth(text)
        loader = Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _count_nodes(node, {})
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {_words(error)}") from None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        # from the constructors of dates, numbers and other tagged values
        raise ValueError(_with_path(path, error)) from None


def _check_depth(text: str) -> None:
    """Raise ValueError if collections nest so deep that the parser in C would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ValueError(f"line {event.start_mark.line + 1}: nests deeper than {MAX_DEPTH}")


def _count_nodes(node: yaml.Node, known: dict[yaml.Node, int]) -> int:
    """Return how many values a node has once its aliases are written out; raises ValueError for too many."""
    if node in known:
        if not known[node]:
            raise ValueError(f"line {node.start_mark.line + 1}: an alias of what it is part of")
        return known[node]
    known[node] = 0
    count = 1
    if isinstance(node, yaml.MappingNode):
        _check_keys(node)
    if isinstance(node, yaml.CollectionNode):
        for item in node.value:
            for part in item if isinstance(item, tuple) else (item,):
                count += _count_nodes(part, known)
    if count > MAX_NODES:
        line = node.start_mark.line + 1
        raise ValueError(f"line {line}: more than {MAX_NODES:,} values, counting aliases")
    known[node] = count
    return count


def _check_keys(node: yaml.MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise ValueError(f"line {line}: a key that is no text")
        if key.value in lines:
            first = lines[key.value]
            raise ValueError(
                f"line {line}: key {key.value[:40]!r} is there twice, first in line {first}"
            )
        lines[key.value] = line


def _words(error: yaml.YAMLError) -> str:
    """Return what a parser says, with the line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    return f"{problem} (line {mark.line + 1})" if mark is not None else problem


def _with_path(path: Path, error: Exception) -> str:
    """Return an error's words after the file's name, which they may already begin with."""
    words = str(error) or type(error).__name__
    return words if words.startswith(f"{path}: ") else f"{path}: {words}"
