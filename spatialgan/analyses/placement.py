"""How far the objects of drawn scenes stand apart from scene to scene: what a generator can do about a move.

A generator that draws scenes of its data's distribution can follow a heatmap no further than objects of a kind stand
apart in the data.
"""

import numpy as np

from spatialgan import drawn
from spatialgan.analyses.findings import Number, Table, exactly
from spatialgan.analyses.requests import FIRST_INDEX
from spatialgan.evaluation.bootstrap import NUM_RESAMPLES, interval
from spatialgan.segmenters.instances import centroids
from spatialgan.segmenters.truth import whole_objects

LEAST = 20  # objects of a class; fewer say nothing


def placements(table: Table, dataset: str, num: int, resolution: int) -> None:
    """Put into the table how often, where and how large objects of each class are in `num` drawn scenes.

    Positions are means over an object's pixels, in [-1, 1]; what stands there is their standard deviation over objects.
    """
    found: dict[str, list[tuple[float, float, float]]] = {}
    for index in range(FIRST_INDEX, FIRST_INDEX + num):
        seen = whole_objects(drawn.draw(dataset, 0, index, resolution))
        areas = seen.masks.float().mean(dim=(1, 2)).tolist()
        for name, (y, x), area in zip(
            seen.classes, centroids(seen.masks).tolist(), areas, strict=True
        ):
            found.setdefault(name, []).append((y, x, area))
    for name, lines in sorted(found.items(), key=lambda item: -np.mean([a for *_, a in item[1]])):
        if len(lines) >= LEAST:
            down, across, areas = np.array(lines).T
            row = f"{dataset}, {name}"
            table.put(row, "deviation down", _deviation(down))
            table.put(row, "deviation across", _deviation(across))
            table.put(row, "area", exactly(float(areas.mean())))
            table.put(row, "objects per scene", exactly(len(lines) / num))


def _deviation(values: np.ndarray) -> Number:
    """Return the standard deviation with its bootstrap interval."""
    picks = np.random.default_rng(0).integers(len(values), size=(NUM_RESAMPLES, len(values)))
    ends = interval(values[picks].std(axis=1))
    return Number(float(values.std()), ends.low, ends.high)
