"""A step of the experiment: what it makes, what it needs, and the stamp that its result carries.

A step is made by one command and leaves some files, one of which, its record, carries the stamp: the settings,
the code and the inputs that made it. `spatialgan.upkeep.graph` knows all steps. A command that writes a result does so in

    with stamp(params, Graph(params, profile).metric(run, "comove")):
        ...
"""

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spatialgan.files import file_sha256, listing_sha256
from spatialgan.provenance import write_stamp
from spatialgan.records import read_sealed
from spatialgan.settings.params import Params

VERBS = {
    "dataset": "prepare",
    "segmenter": "train segmenter",
    "run": "train",
    "curves": "draw curves of",
    "metric": "measure",
    "table": "write table",
    "figure": "draw figure",
    "analysis": "make analysis",
    "claims": "weigh the paper's",
    "inversion": "invert photos with",
    "inversions": "write table",
}
HASH_KEYS = {"dataset": "sha256", "segmenter": "sha256", "run": "snapshot_sha256"}  # in records
NOT_MADE = ""  # instead of an input's hash


@dataclass(frozen=True, eq=False)
class Step:
    """One step: its files, the steps it needs, and how to find out its settings and code."""

    kind: str  # dataset, segmenter, run, curves, metric, table, figure, analysis, claims, inversion or inversions
    name: str  # among its kind, such as "cat/spatialgan/0"
    profile: str
    # outputs; the first is the record, written last, which carries the stamp
    small: tuple[Path, ...]
    find_settings: Callable[[], Any]  # JSON data
    find_code: Callable[[], str | list[str]]
    needs: tuple["Step", ...] = ()
    heavy: tuple[Path, ...] = ()  # outputs that git doesn't keep; the record holds their hash
    reads: tuple[Path, ...] = ()  # outputs of needed steps that are read, beside their records
    files: tuple[Path, ...] = ()  # inputs that no step makes
    originals: tuple[Path, ...] = ()  # the same, but large: told apart by names, sizes and times

    @property
    def record(self) -> Path:
        """Return the file that carries the stamp."""
        return self.small[0]

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Return all files that the step makes."""
        return (*self.small, *self.heavy)

    @property
    def title(self) -> str:
        """Return the step in words, such as "train cat/spatialgan/0"."""
        return f"{VERBS[self.kind]} {self.name}"

    @functools.cached_property
    def settings(self) -> Any:
        """Return what params/ says about the step, as JSON data."""
        return json.loads(json.dumps(self.find_settings()))

    @functools.cached_property
    def code(self) -> str | list[str]:
        """Return the digest of the code that makes the step, or several."""
        return self.find_code()

    def result_hash(self) -> str:
        """Return the sha256 of what the steps that need this one read, NOT_MADE where it isn't there.

        For heavy files it is the hash in the record, so that they needn't be here.
        """
        if not self.record.is_file():
            return NOT_MADE
        if self.kind in HASH_KEYS:
            try:
                return str(read_sealed(self.record).get(HASH_KEYS[self.kind], NOT_MADE))
            except ValueError:  # altered: the step is to be made again
                return NOT_MADE
        return file_sha256(self.record)


def built_once(build: Callable[..., Step]) -> Callable[..., Step]:
    """Return a method that builds each step once and keeps it in `self.built`, by its name and arguments."""

    @functools.wraps(build)
    def found(self: Any, *names: str) -> Step:
        key = (build.__name__, *names)
        if key not in self.built:
            self.built[key] = build(self, *names)
        return self.built[key]

    return found


def made_from(params: Params, step: Step) -> dict:
    """Return the stamp of a step that is made now, from the params, the code and the inputs that are here."""
    root = params.root(step.profile)
    inputs = {str(need.record.relative_to(root)): need.result_hash() for need in step.needs}
    inputs |= {path.name: file_sha256(path) for path in step.files if path.is_file()}
    inputs |= {str(path): listing_sha256(path) for path in step.originals if path.exists()}
    return {"settings": step.settings, "code": step.code, "inputs": inputs}


def check_needs(step: Step) -> None:
    """Raise ValueError, in one line, if the record of a needed step isn't what was written."""
    for need in step.needs:
        if need.record.suffix == ".json" and need.record.is_file():
            read_sealed(need.record)


@contextmanager
def stamp(params: Params, step: Step) -> Iterator[dict]:
    """Stamp the record of a step that is written inside the block; yields the stamp.

    What made the step is looked up before the block runs, so an edit of the code while it runs is noticed later.
    Raises ValueError as `check_needs` does.
    """
    check_needs(step)
    made = made_from(params, step)
    yield made
    write_stamp(step.record, made)
