"""What several trainings of a row say: intervals and comparisons whose unit is the training.

Two moves, or two images, of one training share its accidents; another training would have others. So each training
counts once, by its value: an interval of the mean is Student's, with one degree of freedom less than there are
trainings, and two rows are compared by Welch's test. A value's own uncertainty, from finitely many samples, is part of
the spread between trainings and isn't added again.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import t

LEVEL = 0.95  # of intervals


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the interval of the mean over trainings; None of fewer than two."""
    if len(values) < 2:
        return None
    mean, error = statistics.fmean(values), _error(values)
    reach = t.ppf((1 + LEVEL) / 2, len(values) - 1) * error
    return float(mean - reach), float(mean + reach)


@dataclass(frozen=True)
class Comparison:
    """How far the mean of one row is from that of another."""

    difference: float
    low: float  # ends of its interval
    high: float
    p: float  # two-sided


def compare(ours: Sequence[float], theirs: Sequence[float]) -> Comparison | None:
    """Return mean(ours) - mean(theirs) with Welch's interval and p; None unless both have two trainings."""
    if min(len(ours), len(theirs)) < 2:
        return None
    difference = statistics.fmean(ours) - statistics.fmean(theirs)
    parts = [_error(values) ** 2 for values in (ours, theirs)]
    error = math.sqrt(sum(parts))
    if error == 0:
        return Comparison(difference, difference, difference, float(difference == 0))
    shares = [part**2 / (len(v) - 1) for part, v in zip(parts, (ours, theirs), strict=True)]
    freedom = sum(parts) ** 2 / sum(shares)
    reach = t.ppf((1 + LEVEL) / 2, freedom) * error
    p = 2 * t.sf(abs(difference) / error, freedom)
    return Comparison(difference, float(difference - reach), float(difference + reach), float(p))


def _error(values: Sequence[float]) -> float:
    return statistics.stdev(values) / math.sqrt(len(values))
