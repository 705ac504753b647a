"""A hash of the code behind a result, so that a change remakes exactly what it can affect.

It starts at a module or definition and follows names: a definition (function, class, constant) counts if something
that counts refers to it, and so do statements that run on import. Imports inside functions are followed too. What is
hashed is the set of definitions reached: of each its own name, its syntax and which definitions it refers to. Where a
definition stands and under which alias it was imported don't count, so code can move between files and modules can
be renamed. Neither do comments, docstrings, formatting, annotations of functions, what `UNCOUNTED` names, this module,
and the code of other packages.

Three choices spare results that a change can't affect: `chosen` names the entry that a run uses of a dict of variants
({"SAMPLERS": "hierarchical"}), so a new variant makes nothing again; `settings` names dataclasses whose field values
are compared separately (they are in a run's identity), so a changed default remakes only the rows that use it; and what
`OPTIONAL` names counts only for runs that have it, so that a new axis makes nothing again.

Imports by a computed name are not followed: measures and figures, which are found that way, are separate entries.
"""

import functools
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from spatialgan.syntax import Choice, Definition, Module, Place, define, parse_module

PACKAGE = "spatialgan"

# A module, or "<module>:<definition>". Neither the commit nor the places of files change a number.
UNCOUNTED = {f"{PACKAGE}.digest", f"{PACKAGE}.results", f"{PACKAGE}.provenance:source_commit"}

# What only some runs have, by the key of `chosen` that says so: fields, arguments and conditions of that name, and
# entries of dicts. Such names must be used for nothing else.
OPTIONAL = {
    "LINKAGES": frozenset({"linkage", "EDITS.resample"}),
    "PRETRAINED": frozenset({"pretrained"}),
}


def code_digest(entry: str, chosen: Mapping[str, str] = {}, settings: Collection[str] = ()) -> str:
    """Return a sha256 over the code reached from `entry`, a module or definition of this package by dotted name.

    Raises ValueError if there is no such module.
    """
    return _digest(entry, tuple(sorted(chosen.items())), frozenset(settings))


@functools.cache  # thousands of runs share a few choices
def _digest(entry: str, chosen: tuple[tuple[str, str], ...], settings: frozenset[str]) -> str:
    return _this_package().digest(entry, dict(chosen), settings)


@functools.cache
def _this_package() -> "Package":
    return Package(Path(__file__).parent)


class Package:
    """The source of the package in a folder, each file parsed once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules: dict[str, Module | None] = {}
        self._definitions: dict[tuple, Definition] = {}

    def digest(
        self, entry: str, chosen: Mapping[str, str] = {}, settings: Collection[str] = ()
    ) -> str:
        """Return a sha256 over the code reached from `entry`; raises ValueError if there is no such module."""
        found = self.reached(entry, chosen, settings)
        lines = {
            json.dumps([own.sha256, [found[p].sha256 if p in found else "" for p in own.refers_to]])
            for own in found.values()
        }
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    def reached(
        self, entry: str, chosen: Mapping[str, str] = {}, settings: Collection[str] = ()
    ) -> dict[Place, Definition]:
        """Return the definitions that count, by (module, name); what runs on import is under the name ""."""
        found: dict[Place, Definition] = {}
        module, rest = self._split(entry)
        waiting = list(self._places(module, rest))
        while waiting:
            place = waiting.pop()
            if place in found or not {place[0], ":".join(place)}.isdisjoint(UNCOUNTED):
                continue
            found[place] = self._definition(place, chosen, settings)
            for other in found[place].refers_to:
                waiting += [other, *self._imported_with(other[0])]
            waiting += self._imported_with(place[0])
        return found

    def resolve(self, module: Module, names: tuple[str, ...]) -> tuple[list[Place], list[str]]:
        """Return the definitions that a chain of names (a.b.c) leads to, and the names left over.

        There is one, or all those of a module; none where the chain leads out of the package.
        """
        if names[0] in module.definitions:
            return [(module.name, names[0])], list(names[1:])
        if names[0] not in module.aliases:
            return [], list(names)
        dotted = [*module.aliases[names[0]].split("."), *names[1:]]
        if dotted[0] != PACKAGE:
            return [], dotted
        other, rest = self._split(".".join(dotted))
        if rest and rest[0] not in other.definitions and rest[0] in other.aliases:
            return self.resolve(other, tuple(rest))
        places = list(self._places(other, rest))
        return places, rest[1:] if places else rest

    def _definition(
        self, place: Place, chosen: Mapping[str, str], settings: Collection[str]
    ) -> Definition:
        """Return a definition with these choices applied."""
        unused = (names for key, names in OPTIONAL.items() if key not in chosen)
        choice = Choice(
            chosen.get(place[1]), ".".join(place) in settings, frozenset[str]().union(*unused)
        )
        if (place, choice) not in self._definitions:
            module = self._module(place[0])
            assert module is not None
            self._definitions[place, choice] = define(self.resolve, module, place[1], choice)
        return self._definitions[place, choice]

    def _places(self, module: Module, rest: list[str]) -> Iterator[Place]:
        """Yield the definition that `rest` begins with, or all definitions of the module."""
        if rest and rest[0] in module.definitions:
            yield module.name, rest[0]
        elif rest and rest[0] in module.aliases:
            yield from self.resolve(module, tuple(rest))[0]
        elif not rest:
            yield from ((module.name, name) for name in ("", *module.definitions))

    def _imported_with(self, name: str) -> Iterator[Place]:
        """Yield what runs on import of a module, and of the packages around it."""
        parts = name.split(".")
        yield from ((".".join(parts[:length]), "") for length in range(1, len(parts) + 1))

    def _split(self, dotted: str) -> tuple[Module, list[str]]:
        """Return the module a dotted name begins with, and the names that follow it."""
        parts = dotted.split(".")
        if parts[0] != PACKAGE:
            raise ValueError(f"{dotted} is not part of {PACKAGE}")
        for length in range(len(parts), 0, -1):
            module = self._module(".".join(parts[:length]))
            if module is not None:
                return module, parts[length:]
        raise ValueError(f"{dotted} names no module")

    def _module(self, name: str) -> Module | None:
        """Return a module by its dotted name, None if there is none."""
        if name not in self._modules:
            stem = self._folder.joinpath(*name.split(".")[1:])
            files = [stem.with_suffix(".py")] if stem != self._folder else []
            files = [path for path in (*files, stem / "__init__.py") if path.is_file()]
            self._modules[name] = parse_module(name, files[0]) if files else None
        return self._modules[name]
