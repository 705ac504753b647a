"""Split a pickle into instructions, without doing what they say.

Only the instructions that plain data, tensors and networks need are known; any other is refused by its name
before the first one is followed. Every length is compared with the bytes that are there, so a claim of 4 GB
costs nothing. Format: the Python library reference, pickletools.
"""

import struct
from dataclasses import dataclass
from typing import Any

MAX_INSTRUCTIONS = 200_000  # of a file, its tensors' pickles included; the largest has a third
MAX_TEXT = 8_000_000  # bytes of all texts of a file; the largest has a few hundred thousand
LONG_TEXT = 2048  # bytes; a longer text is source code, and is kept as its length only
MAX_LINE = 256  # bytes of a module's or class's name
MAX_INTEGER = 16  # bytes of a whole number

SIZES = {"<i": 4, "<H": 2, "<I": 4, "<Q": 8, ">d": 8}  # bytes of a format
# code: (name, format of the argument). A format is one of struct's, or "text" or "bytes" and the format of
# the length before them, or one of the words that `_Reader.argument` knows.
KNOWN = {
    0x80: ("PROTO", "B"),
    0x95: ("FRAME", "<Q"),
    ord("."): ("STOP", ""),
    ord("("): ("MARK", ""),
    ord("N"): ("NONE", ""),
    0x88: ("NEWTRUE", ""),
    0x89: ("NEWFALSE", ""),
    ord("J"): ("BININT", "<i"),
    ord("K"): ("BININT1", "B"),
    ord("M"): ("BININT2", "<H"),
    0x8A: ("LONG1", "integer"),
    ord("G"): ("BINFLOAT", ">d"),
    0x8C: ("SHORT_BINUNICODE", "text B"),
    ord("X"): ("BINUNICODE", "text <I"),
    0x8D: ("BINUNICODE8", "text <Q"),
    ord("C"): ("SHORT_BINBYTES", "bytes B"),
    ord("B"): ("BINBYTES", "bytes <I"),
    0x8E: ("BINBYTES8", "bytes <Q"),
    ord("]"): ("EMPTY_LIST", ""),
    ord("a"): ("APPEND", ""),
    ord("e"): ("APPENDS", ""),
    ord("}"): ("EMPTY_DICT", ""),
    ord("s"): ("SETITEM", ""),
    ord("u"): ("SETITEMS", ""),
    0x8F: ("EMPTY_SET", ""),
    0x90: ("ADDITEMS", ""),
    ord(")"): ("EMPTY_TUPLE", ""),
    ord("t"): ("TUPLE", ""),
    0x85: ("TUPLE1", ""),
    0x86: ("TUPLE2", ""),
    0x87: ("TUPLE3", ""),
    ord("q"): ("BINPUT", "B"),
    ord("r"): ("LONG_BINPUT", "<I"),
    0x94: ("MEMOIZE", ""),
    ord("h"): ("BINGET", "B"),
    ord("j"): ("LONG_BINGET", "<I"),
    ord("c"): ("GLOBAL", "two lines"),
    0x93: ("STACK_GLOBAL", ""),
    ord("R"): ("REDUCE", ""),
    0x81: ("NEWOBJ", ""),
    ord("b"): ("BUILD", ""),
    ord("Q"): ("BINPERSID", ""),
}
# What messages call the rest.
REFUSED = {
    **{ord("0"): "POP", ord("1"): "POP_MARK", ord("2"): "DUP", ord("F"): "FLOAT", ord("I"): "INT"},
    **{ord("L"): "LONG", ord("S"): "STRING", ord("V"): "UNICODE", ord("T"): "BINSTRING"},
    **{ord("U"): "SHORT_BINSTRING", ord("d"): "DICT", ord("l"): "LIST", ord("g"): "GET"},
    **{ord("p"): "PUT", ord("P"): "PERSID", ord("i"): "INST", ord("o"): "OBJ"},
    **{0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4", 0x8B: "LONG4", 0x91: "FROZENSET"},
    **{0x92: "NEWOBJ_EX", 0x96: "BYTEARRAY8", 0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER"},
}


@dataclass(frozen=True)
class LongText:
    """A text that is too long to be a name, such as source code: not even decoded."""

    length: int  # bytes


@dataclass(frozen=True)
class Name:
    """The name of a class or function: two texts, and nothing is looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass
class Budget:
    """What is left to a file and all pickles inside it."""

    left: int = MAX_INSTRUCTIONS
    text: int = MAX_TEXT  # bytes that are left to texts


Instruction = tuple[str, Any]  # name and argument


def scan(data: memoryview, start: int, budget: Budget) -> tuple[list[Instruction], int]:
    """Return the instructions of the pickle at `start`, up to STOP, and where it ends.

    Raises ValueError, with its name, for an instruction that no network needs, and if data end too early.
    """
    reader, instructions = _Reader(data, start, budget), []
    name = ""
    while name != "STOP":
        code = reader.byte()
        if code not in KNOWN:
            raise ValueError(
                f"has the instruction {REFUSED.get(code, f'0x{code:02x}')} at byte "
                f"{reader.position - 1:,}, which no network needs"
            )
        name, form = KNOWN[code]
        instructions.append((name, reader.argument(form) if form else None))
        if len(instructions) > budget.left:
            raise ValueError(f"has more than {MAX_INSTRUCTIONS:,} instructions")
    budget.left -= len(instructions)
    return instructions, reader.position


class _Reader:
    """A position in the bytes of a pickle."""

    def __init__(self, data: memoryview, position: int, budget: Budget):
        self.data, self.position, self.budget = data, position, budget

    def take(self, length: int) -> memoryview:
        """Return the next bytes, uncopied."""
        left = len(self.data) - self.position
        if length > left:
            raise ValueError(
                f"is truncated, or not a pickle: {length:,} bytes are claimed at byte {self.position:,} "
                f"and {left:,} are there"
            )
        self.position += length
        return self.data[self.position - length : self.position]

    def byte(self) -> int:
        """Return the next byte and move past it; raises ValueError at the end of the data."""
        if self.position >= len(self.data):
            raise ValueError(
                f"is truncated, or not a pickle: it goes on after byte {self.position:,}"
            )
        self.position += 1
        return self.data[self.position - 1]

    def argument(self, form: str) -> Any:
        """Return the argument of an instruction."""
        if form == "integer":
            return self._integer()
        if form == "two lines":
            return Name(self._line(), self._line())
        kind, _, length = form.rpartition(" ")
        number = (
            self.byte() if length == "B" else struct.unpack(length, self.take(SIZES[length]))[0]
        )
        if not kind:
            return number
        data = self.take(number)
        return data if kind == "bytes" else self._text(data)

    def _integer(self) -> int:
        length = self.byte()
        if length > MAX_INTEGER:
            raise ValueError(f"has a whole number of {length} bytes: {MAX_INTEGER} are enough")
        return int.from_bytes(self.take(length), "little", signed=True)

    def _line(self) -> str:
        window = bytes(self.data[self.position : self.position + MAX_LINE])
        length = window.find(b"\n")
        if length < 0:
            raise ValueError(f"has an endless name at byte {self.position:,}")
        line = self._text(self.take(length))
        self.take(1)
        return line  # pyright: ignore[reportReturnType]

    def _text(self, data: memoryview) -> str | LongText:
        if len(data) > LONG_TEXT:
            return LongText(len(data))
        self.budget.text -= len(data)
        if self.budget.text < 0:
            raise ValueError(f"has more than {MAX_TEXT:,} bytes of texts")
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError:
            raise ValueError(
                f"has a text that is not UTF-8 before byte {self.position:,}"
            ) from None
