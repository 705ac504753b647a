"""Which results are current, missing or stale, and why.

A result is current if its record carries the stamp that it would get today: the same settings, code and inputs. It is
stale if it doesn't, or if a step that it needs is stale or missing. Heavy files needn't be here: their hashes are in
the records. All this is read from small files, so it takes seconds.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spatialgan.provenance import read_stamp
from spatialgan.records import read_sealed
from spatialgan.settings.params import Params
from spatialgan.upkeep.leftovers import Leftovers
from spatialgan.upkeep.steps import Step, made_from

CURRENT, MISSING, STALE = "current", "missing", "stale"
LISTED = 3  # changed settings that are named
MAX_SHOWN = 40  # characters of a setting
UNSTAMPED = "made before results said what made them"


@dataclass(frozen=True)
class State:
    """What is known about a step's result."""

    step: Step
    state: str  # CURRENT, MISSING or STALE
    reasons: tuple[str, ...] = ()  # why it isn't current, in words
    absent: tuple[Path, ...] = ()  # outputs that were made but aren't here

    def to_json(self, root: Path) -> dict:
        """Return it as JSON data, with paths relative to the results' folder."""
        absent = [str(path.relative_to(root)) for path in self.absent]
        reasons = list(self.reasons)
        return {"step": self.step.title, "state": self.state, "why": reasons, "not_here": absent}


class Status:
    """The states of a profile's steps, each determined once."""

    def __init__(self, params: Params) -> None:
        self._params = params
        self._known: dict[Path, State] = {}

    def of(self, step: Step) -> State:
        """Return the state of a step."""
        if step.record not in self._known:
            self._known[step.record] = self._examine(step)
        return self._known[step.record]

    def closure(self, steps: Iterable[Step]) -> list[State]:
        """Return the states of some steps and of all that they need, what is needed first."""
        found: dict[Path, State] = {}

        def visit(step: Step) -> None:
            if step.record not in found:
                for need in step.needs:
                    visit(need)
                found[step.record] = self.of(step)

        for step in steps:
            visit(step)
        return list(found.values())

    def _examine(self, step: Step) -> State:
        if not step.record.is_file():
            return State(step, MISSING, ("not made yet",))
        absent = tuple(path for path in step.outputs if not path.is_file())
        made = read_stamp(step.record)
        if not made:
            return State(step, STALE, (_why_unstamped(step.record),), absent)
        wanted = made_from(self._params, step)
        reasons = [
            *self._changed_needs(step),
            *_differences(made, wanted, list(map(str, step.originals))),
        ]
        return State(step, STALE if reasons else CURRENT, tuple(reasons), absent)

    def _changed_needs(self, step: Step) -> Iterator[str]:
        """Yield which steps have to be made before this one."""
        for need in step.needs:
            state = self.of(need).state
            if state != CURRENT:
                yield f"{need.title} is {state}"


def _why_unstamped(record: Path) -> str:
    """Return in words why it is unknown what made a result."""
    try:
        if record.suffix == ".json":
            read_sealed(record)
    except ValueError as error:
        return " ".join(str(error).removeprefix(f"{record} ").split())
    return UNSTAMPED


def _differences(made: dict, wanted: dict, originals: Collection[str]) -> Iterator[str]:
    """Yield in words how the stamp of a result differs from the one it would get today."""
    old, new = dict(_leaves(made.get("settings"))), dict(_leaves(wanted["settings"]))
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if changed:
        named = [f"{name} {_show(old, name)} -> {_show(new, name)}" for name in changed[:LISTED]]
        more = [f"{len(changed) - LISTED} more"] if len(changed) > LISTED else []
        yield f"settings changed: {', '.join([*named, *more])}"
    if made.get("code") != wanted["code"]:
        yield "code changed"
    now, before = wanted["inputs"], made.get("inputs")
    before = before if isinstance(before, dict) else {}
    for name in {**before, **now}:
        if name not in now and name in originals:
            continue  # they may be deleted once they are prepared
        if name not in now:
            yield f"input {name} is no longer read"
        elif name not in before:
            yield f"input {name} was added"
        elif before[name] != now[name] and now[name]:  # of a missing one its step says so
            yield f"input {name} was made again"


def _leaves(settings: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield name and value of every setting, nested ones as a.b.c."""
    if isinstance(settings, dict) and settings:
        for name, value in settings.items():
            yield from _leaves(value, f"{place}.{name}" if place else str(name))
    else:
        yield place, settings


def _show(settings: dict, name: str) -> str:
    """Return a setting as text, "none" if there is no such setting."""
    text = json.dumps(settings[name]) if name in settings else "none"
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def describe(states: list[State], left: Leftovers) -> str:
    """Return the states for people: a line for each step that isn't current, then how many there are of each."""
    lines = []
    for state in states:
        if state.state != CURRENT:
            lines.append(f"{state.state:8}{state.step.title}: {'; '.join(state.reasons)}")
    counts = {kind: sum(one.state == kind for one in states) for kind in (CURRENT, MISSING, STALE)}
    lines.append(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    away = sum(len(state.absent) for state in states if state.state == CURRENT)
    if away:
        lines.append(f"{away} files of current results are not here: dvc pull brings heavy ones")
    if left.folders:
        lines.append(
            f"{len(left.folders)} checkpoint folders of earlier settings can be removed "
            f"({left.num_bytes / 2**20:,.0f} MiB), such as {left.folders[0]}: spatialgan tidy"
        )
    return "\n".join(lines)
