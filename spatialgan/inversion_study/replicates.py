"""Numbers with their bootstrap replicates over scenes, so that quotients of two of them have intervals too.

Shapes: n scenes, c columns, b resamples.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from spatialgan.evaluation.bootstrap import interval, resampled_sums


@dataclass(frozen=True)
class Number:
    """A number, and what it would have been for other scenes."""

    value: float
    replicates: Float[np.ndarray, " b"]

    @staticmethod
    def of(
        columns: Float[np.ndarray, "n c"], ratio: Callable[[np.ndarray], np.ndarray], seed: int
    ) -> "Number | None":
        """Return a function of the sums of columns; None where it is no number."""
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(ratio(columns.sum(axis=0)))
            replicates = np.asarray(ratio(resampled_sums(columns, seed).T))
        return Number(value, replicates) if np.isfinite(value) else None

    def over(self, other: "Number") -> "Number | None":
        """Return the quotient of two numbers of different scenes; None without one."""
        if not other.value:
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            return Number(self.value / other.value, self.replicates / other.replicates)

    def to_json(self) -> dict:
        """Return the number and its 95 % interval."""
        found = interval(self.replicates)
        return {"value": self.value, "interval": [found.low, found.high]}


def means(columns: Float[np.ndarray, "n c"], seed: int) -> list[Number]:
    """Return the mean of each column."""
    ones = np.ones((len(columns), 1))
    both = np.concatenate([columns, ones], axis=1)
    found = [Number.of(both, lambda s, c=c: s[c] / s[-1], seed) for c in range(columns.shape[1])]
    return [number for number in found if number is not None]
