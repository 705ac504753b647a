"""Controls of random weights: what a discriminator shows before any training, and what a training adds to that.

One draw of weights has accidents of its own, so a trained discriminator is compared with the mean of several. The
interval is over images and draws: both are drawn again, the images in common, and of the draws one fewer than there
are, which makes the spread of a mean over so few of them right.

Shapes: n samples, k draws of weights, b resamples.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from spatialgan.analyses.findings import LEAST, Number
from spatialgan.evaluation.bootstrap import NUM_RESAMPLES, Ratio, interval

LEAST_DRAWS = 2  # that a number must be known of


def ratio(part: Float[np.ndarray, " n"], whole: Float[np.ndarray, " n"] | float = 1.0) -> Ratio:
    """Return the mean of a number over the samples in which it is known (not NaN), or over that of another."""
    whole = np.broadcast_to(np.asarray(whole, dtype=np.float64), np.shape(part))
    known = np.isfinite(part) & np.isfinite(whole)
    return Ratio(np.where(known, part, 0.0), np.where(known, whole, 0.0))


def of_one(found: Ratio) -> Number | None:
    """Return the number of one discriminator with its interval over images; None if too few images have one."""
    if not _is_known(found):
        return None
    ends = interval(_resampled(found, _picks(found, np.random.default_rng(0))))
    return Number(found.value, ends.low, ends.high)


def over_draws(draws: Sequence[Ratio]) -> Number | None:
    """Return the mean over draws of weights, with its interval; None if too few of them have a number."""
    draws = [draw for draw in draws if _is_known(draw)]
    if len(draws) < LEAST_DRAWS:
        return None
    generator = np.random.default_rng(0)
    ends = interval(_means(draws, _picks(draws[0], generator), generator))
    return Number(float(np.mean([draw.value for draw in draws])), ends.low, ends.high)


def ahead_of(trained: Ratio, draws: Sequence[Ratio]) -> Number | None:
    """Return by how much a trained discriminator's number is above the mean over draws of weights, with its interval.

    None if it has no number, or too few draws have.
    """
    draws = [draw for draw in draws if _is_known(draw)]
    if len(draws) < LEAST_DRAWS or not _is_known(trained):
        return None
    generator = np.random.default_rng(0)
    picks = _picks(trained, generator)
    mine = _resampled(trained, picks)
    ends = interval(mine - _means(draws, picks, generator))
    value = trained.value - float(np.mean([draw.value for draw in draws]))
    return Number(value, ends.low, ends.high)


def _is_known(found: Ratio) -> bool:
    known = (found.denominator != 0).sum() >= LEAST
    return bool(known and found.denominator.sum() > 0)


def _picks(found: Ratio, generator: np.random.Generator) -> Float[np.ndarray, "b n"]:
    """Return how often each resample has each sample."""
    n = len(found.numerator)
    return generator.multinomial(n, np.full(n, 1 / n), NUM_RESAMPLES).astype(np.float64)


def _resampled(found: Ratio, picks: Float[np.ndarray, "b n"]) -> Float[np.ndarray, " b"]:
    whole = picks @ found.denominator
    return np.where(whole > 0, picks @ found.numerator / np.where(whole > 0, whole, 1), np.nan)


def _means(
    draws: Sequence[Ratio], picks: Float[np.ndarray, "b n"], generator: np.random.Generator
) -> Float[np.ndarray, " b"]:
    """Return the mean over draws of weights that are drawn again, of resampled images."""
    k = len(draws)
    weights = generator.multinomial(k - 1, np.full(k, 1 / k), len(picks)) / (k - 1)
    return (weights * np.stack([_resampled(draw, picks) for draw in draws], axis=1)).sum(axis=1)
