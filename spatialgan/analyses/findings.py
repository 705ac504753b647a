"""What an analysis finds: numbers with intervals, evidence for or against claims, and a picture.

A table holds numbers by the names of row and column, controls next to what they control for. Evidence is one
number per training and claim, which is on one side of the claim's bound where the claim holds (verdicts.py): what it
says about a method is for claims.py to conclude, from several trainings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from spatialgan.evaluation.bootstrap import Ratio, intervals

LEAST = 5  # samples that a number must be known in; else there is none


@dataclass(frozen=True)
class Number:
    """A number and its 95 % interval over the samples that it was measured on."""

    value: float
    low: float
    high: float

    def text(self, digits: int = 2) -> str:
        """Return it for people, as 0.12 [0.10, 0.14]; without ends if it has no interval (`exactly`)."""
        value, low, high = (f"{x:.{digits}f}" for x in (self.value, self.low, self.high))
        return value if self.low == self.high else f"{value} [{low}, {high}]"

    def to_json(self) -> dict:
        """Return it as JSON data."""
        return {"value": self.value, "low": self.low, "high": self.high}


def exactly(value: float) -> Number:
    """Return a number that has no interval."""
    return Number(value, value, value)


def mean_of(samples: Float[np.ndarray, " n"]) -> Number:
    """Return the mean of a number over samples with its bootstrap interval; NaN samples don't count.

    Raises ValueError if there are no samples.
    """
    samples = np.asarray(samples, dtype=np.float64)
    samples = samples[np.isfinite(samples)]
    if not len(samples):
        raise ValueError("there is no sample to take a mean of")
    found = intervals({"mean": Ratio(samples, np.ones_like(samples))}, seed=0)["mean"]
    return Number(float(samples.mean()), found.low, found.high)


def known_mean(samples: Float[np.ndarray, " n"]) -> Number | None:
    """Return the mean of a number over the samples in which it is known (not NaN), None if they are fewer than LEAST."""
    return mean_of(samples) if np.isfinite(samples).sum() >= LEAST else None


@dataclass(frozen=True)
class Table:
    """Numbers by row and column, in the order in which they are to be shown."""

    caption: str
    cells: dict[str, dict[str, Number]] = field(default_factory=dict)
    digits: int = 2

    def put(self, row: str, column: str, number: Number | None) -> None:
        """Put a number into a cell; None leaves it empty."""
        cells = self.cells.setdefault(row, {})
        if number is not None:
            cells[column] = number

    def to_json(self) -> dict:
        """Return it as JSON data."""
        rows = {
            row: {column: number.to_json() for column, number in cells.items()}
            for row, cells in self.cells.items()
        }
        return {"caption": self.caption, "digits": self.digits, "rows": rows}


@dataclass(frozen=True)
class Findings:
    """What an analysis returns."""

    tables: Mapping[str, Table]
    evidence: Mapping[str, Mapping[str, Number]]  # by claim and run
    picture: Any  # a matplotlib figure or a PIL image
    caption: str  # what the picture shows
    protocol: Mapping[str, Any]  # how it was measured, as JSON data

    def to_json(self) -> dict:
        """Return all but the picture as JSON data."""
        return {
            "protocol": dict(self.protocol),
            "caption": self.caption,
            "tables": {name: table.to_json() for name, table in self.tables.items()},
            "evidence": {
                claim: {run: number.to_json() for run, number in runs.items()}
                for claim, runs in self.evidence.items()
            },
        }
