"""Follow the instructions of a pickle on inert data: a stack, a memo, and no way to call anything.

The caller says what names stand for, as functions of ours that put data together; a name that isn't
given is refused. Only texts, numbers and None can be keys, so that nothing recurses into what a file nests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from spatialgan.imports.opcodes import Budget, Instruction, Name, scan
from spatialgan.variants import shown

MAX_STACK = 100_000  # values
MAX_MARKS = 100  # lists, tuples and dictionaries that are open at once

# Hashes of larger numbers can be made to collide, so that a dictionary takes hours
MAX_KEY = 2**31
_KEYS = (str, int, bool, type(None))


def _refuse_persistent(key: Any) -> Any:
    raise ValueError("has a persistent id outside a tensor, which no network needs")


@dataclass(frozen=True)
class Vocabulary:
    """What names stand for: functions of a tuple of arguments, which return inert data.

    `builders` says what BUILD does for a value of a type: (value, state) -> value.
    """

    functions: Mapping[Name, Callable[[tuple], Any]] = field(default_factory=dict)
    classes: Mapping[Name, Callable[[tuple], Any]] = field(default_factory=dict)
    names: frozenset[Name] = frozenset()  # that only stand for themselves
    builders: Mapping[type, Callable[[Any, Any], Any]] = field(default_factory=dict)
    persistent: Callable[[Any], Any] = _refuse_persistent

    def check(self, name: Name) -> Name:
        """Return a name of the vocabulary; raises ValueError, saying which, for any other."""
        if not (name in self.functions or name in self.classes or name in self.names):
            raise ValueError(
                f"asks for {shown(str(name))}, which no network that can be imported has"
            )
        return name


def read_pickle(
    data: memoryview, start: int, vocabulary: Vocabulary, budget: Budget
) -> tuple[Any, int]:
    """Return the value of the pickle at `start`, as inert data, and where the pickle ends.

    All of it is scanned before any of it is followed. Raises ValueError, in one line that names what is
    refused, for everything but plain data and the names of the vocabulary.
    """
    instructions, end = scan(data, start, budget)
    for name, argument in instructions:
        if name == "GLOBAL":
            vocabulary.check(argument)
    return Machine(vocabulary).run(instructions), end


class Machine:
    """The state of one reading."""

    def __init__(self, vocabulary: Vocabulary):
        self.vocabulary = vocabulary
        self.stack: list[Any] = []
        self.marks: list[int] = []  # heights of the stack
        self.memo: dict[int, Any] = {}

    def run(self, instructions: list[Instruction]) -> Any:
        """Return the one value that the instructions leave."""
        for name, argument in instructions[:-1]:
            if name in CONSTANTS:
                self.stack.append(CONSTANTS[name])
            elif name in EMPTY:
                self.stack.append(EMPTY[name]())
            elif name in LITERALS:
                self.stack.append(argument)
            elif name not in IGNORED:
                ACTIONS[name](self, argument)
            if len(self.stack) > MAX_STACK:
                raise ValueError(f"has more than {MAX_STACK:,} values open at once")
        if len(self.stack) != 1 or self.marks:
            raise ValueError("is damaged: it doesn't end with one value")
        return self.stack[0]

    def pop(self, kind: type | tuple[type, ...] = object) -> Any:
        """Return the top of the stack; raises ValueError if it is missing or of another kind."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise ValueError("is damaged: a value is missing")
        if not isinstance(self.stack[-1], kind):
            kind_there = type(self.stack[-1]).__name__
            raise ValueError(f"is damaged: a value of type {kind_there} is out of place")
        return self.stack.pop()

    def top(self, kind: type) -> Any:
        """Return the top of the stack, which stays."""
        value = self.pop(kind)
        self.stack.append(value)
        return value

    def mark(self, _: None) -> None:
        """Open a list, tuple or dictionary."""
        if len(self.marks) == MAX_MARKS:
            raise ValueError(f"nests more than {MAX_MARKS} deep")
        self.marks.append(len(self.stack))

    def marked(self) -> list[Any]:
        """Return what is above the last mark, and close it."""
        if not self.marks:
            raise ValueError("is damaged: a mark is missing")
        height = self.marks.pop()
        values = self.stack[height:]
        del self.stack[height:]
        return values

    def tuple(self, length: int) -> None:
        """Make a tuple of the top values."""
        values = [self.pop() for _ in range(length)]
        self.stack.append(tuple(reversed(values)))

    def put(self, index: int) -> None:
        """Remember the top of the stack; no pickler writes an entry twice."""
        if index in self.memo:
            raise ValueError(f"is damaged: entry {index} of the memo is written twice")
        self.memo[index] = self.top(object)

    def get(self, index: int) -> None:
        """Push what `put` remembered under the index; raises ValueError if there is nothing."""
        if index not in self.memo:
            raise ValueError(f"is damaged: entry {index} of the memo is not there")
        self.stack.append(self.memo[index])

    def set_items(self, pairs: list[Any]) -> None:
        """Put keys and values into the dictionary on top."""
        target = self.top(dict)
        if len(pairs) % 2:
            raise ValueError("is damaged: a key has no value")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            target[self._key(key)] = value

    def add_items(self, items: list[Any]) -> None:
        """Put members into the set on top."""
        self.top(set).update([self._key(item) for item in items])

    @staticmethod
    def _key(key: Any) -> Any:
        if type(key) not in _KEYS:
            raise ValueError(f"is damaged: a value of type {type(key).__name__} is used as a key")
        if type(key) is int and abs(key) > MAX_KEY:
            raise ValueError("is damaged: a huge number is used as a key")
        return key

    def name(self, _: None) -> None:
        """Make a name of two texts; it is refused where the vocabulary lacks it."""
        name, module = self.pop(str), self.pop(str)
        self.stack.append(self.vocabulary.check(Name(module, name)))

    def call(self, functions: Mapping[Name, Callable[[tuple], Any]]) -> None:  # pyright: ignore[reportGeneralTypeIssues]
        """Put together what a name stands for from its arguments."""
        arguments, name = self.pop(tuple), self.pop(Name)
        if name not in functions:
            raise ValueError(f"uses {name} in a way that no network does")
        self.stack.append(functions[name](arguments))

    def build(self, _: None) -> None:
        """Give a value its state."""
        state, value = self.pop(), self.pop()
        builder = self.vocabulary.builders.get(type(value))
        if builder is None:
            raise ValueError(
                f"gives a state to a value of type {type(value).__name__}, which no network does"
            )
        self.stack.append(builder(value, state))


CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "GLOBAL"),
    *("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
}
IGNORED = {"PROTO", "FRAME"}  # how the bytes were written
ACTIONS: dict[str, Callable[[Machine, Any], None]] = {  # pyright: ignore[reportAssignmentType]
    "MARK": Machine.mark,
    "TUPLE": lambda m, _: m.stack.append(tuple(m.marked())),
    "TUPLE1": lambda m, _: m.tuple(1),
    "TUPLE2": lambda m, _: m.tuple(2),
    "TUPLE3": lambda m, _: m.tuple(3),
    "APPEND": lambda m, _: (value := m.pop(), m.top(list).append(value)),
    "APPENDS": lambda m, _: (values := m.marked(), m.top(list).extend(values)),
    "SETITEM": lambda m, _: (value := m.pop(), key := m.pop(), m.set_items([key, value])),
    "SETITEMS": lambda m, _: m.set_items(m.marked()),
    "ADDITEMS": lambda m, _: m.add_items(m.marked()),
    "BINPUT": Machine.put,
    "LONG_BINPUT": Machine.put,
    "MEMOIZE": lambda m, _: m.put(len(m.memo)),
    "BINGET": Machine.get,
    "LONG_BINGET": Machine.get,
    "STACK_GLOBAL": Machine.name,
    "REDUCE": lambda m, _: m.call(m.vocabulary.functions),
    "NEWOBJ": lambda m, _: m.call(m.vocabulary.classes),
    "BUILD": Machine.build,
    "BINPERSID": lambda m, _: m.stack.append(m.vocabulary.persistent(m.pop())),
}
