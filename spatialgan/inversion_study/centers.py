"""How far the centers of a found layout are from the true ones, where these are known.

Where each sub-heatmap has weights of its own, it is compared with the one of the same index. Objects that differ by
their styles only have no order: of each level, true centers inside the image are matched one to one with found ones,
with the smallest sum of distances.

Shapes: n scenes, k sub-heatmaps of a level, b resamples.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from spatialgan.evaluation.bootstrap import NUM_RESAMPLES
from spatialgan.heatmaps.layout import Layout
from spatialgan.heatmaps.moves import gaussians
from spatialgan.inversion_study.replicates import Number


def distances(truth: Layout, found: Layout, has_order: bool) -> list[float]:
    """Return the distances, in image widths, of one scene's true centers inside the image from the found ones."""
    ways = []
    for true, other in zip(truth.levels, found.levels, strict=True):
        ours, theirs = gaussians(true).centers[0], gaussians(other).centers[0]
        ways += _level_distances(ours, theirs, has_order)
    return ways


def _level_distances(
    truth: Float[Tensor, "k 2"], found: Float[Tensor, "k 2"], has_order: bool
) -> list[float]:
    inside = (truth.abs() <= 1).all(dim=1)
    apart = torch.cdist(truth[inside], found) / 2  # centers are in [-1, 1]
    if has_order:
        return apart.gather(1, inside.nonzero())[:, 0].tolist()
    rows, columns = linear_sum_assignment(apart.numpy())
    return apart[rows, columns].tolist()


def center_error(ways: Sequence[Sequence[float]], seed: int) -> Number | None:
    """Return the median over all scenes' distances; resampled by scene; None without any."""
    if not any(ways):
        return None
    draws, n = np.random.default_rng(seed), len(ways)
    medians = []
    for _ in range(NUM_RESAMPLES):
        pooled = [way for i in draws.integers(n, size=n) for way in ways[i]]
        medians.append(np.median(pooled) if pooled else np.nan)
    pooled = [way for one in ways for way in one]
    return Number(float(np.median(pooled)), np.array(medians))


def chance(truth: Layout, unrelated: Layout, has_order: bool) -> float | None:
    """Return the median distance from layouts that have nothing to do with the true ones; None without centers."""
    ways = [
        way
        for i in range(len(truth))
        for j in range(len(unrelated))
        for way in distances(truth[i : i + 1], unrelated[j : j + 1], has_order)
    ]
    return float(np.median(ways)) if ways else None
