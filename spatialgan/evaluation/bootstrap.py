"""Confidence intervals: how much a number would vary had other samples been drawn, by the bootstrap.

Every number here is a ratio of two sums over samples, sum(numerator) / sum(denominator): a mean is one
with denominators of 1, a conditional mean one with denominators of 0 and 1. Samples are drawn again with
replacement, whole, so that what belongs to one sample stays together and the denominator varies too.

Shapes: n samples, c columns, b resamples.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

NUM_RESAMPLES = 2000  # ends of an interval then vary by about 2 % of its width
LEVEL = 0.95  # of the intervals


@dataclass(frozen=True)
class Ratio:
    """A number that is sum(numerator) / sum(denominator)."""

    numerator: Float[np.ndarray, " n"]
    denominator: Float[np.ndarray, " n"]  # not negative

    @property
    def value(self) -> float:
        """Return the ratio of the sums over all n."""
        return float(self.numerator.sum() / self.denominator.sum())


@dataclass(frozen=True)
class Interval:
    """A confidence interval of level LEVEL."""

    low: float
    high: float
    std: float  # standard error, by which intervals of several runs are pooled


def resampled_sums(columns: Float[np.ndarray, "n c"], seed: int) -> Float[np.ndarray, "b c"]:
    """Return the sums of all columns over NUM_RESAMPLES bootstrap samples of the lines."""
    draws, n = np.random.default_rng(seed), len(columns)
    sums = np.empty((NUM_RESAMPLES, columns.shape[1]))
    for line in sums:
        line[:] = np.bincount(draws.integers(n, size=n), minlength=n) @ columns
    return sums


def interval(replicates: Float[np.ndarray, " b"]) -> Interval:
    """Return the percentile interval of a number's bootstrap replicates; undefined ones don't count."""
    defined = replicates[np.isfinite(replicates)]
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high), float(defined.std()))


def intervals(ratios: Mapping[str, Ratio], seed: int) -> dict[str, Interval]:
    """Return the interval of each ratio, all of the same n samples, by percentile bootstrap.

    Those without any sample (a denominator of 0) have none.
    """
    ratios = {name: ratio for name, ratio in ratios.items() if ratio.denominator.sum() > 0}
    if not ratios:
        return {}
    columns = [part for r in ratios.values() for part in (r.numerator, r.denominator)]
    sums = resampled_sums(np.stack(columns, axis=1), seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        replicates = sums[:, 0::2] / sums[:, 1::2]
    return {name: interval(replicates[:, i]) for i, name in enumerate(ratios)}


def median_interval(values: Float[np.ndarray, " n"], seed: int) -> Interval:
    """Return the interval of the median of n samples, by percentile bootstrap."""
    draws = np.random.default_rng(seed).integers(len(values), size=(NUM_RESAMPLES, len(values)))
    return interval(np.median(values[draws], axis=1))
