"""What becomes of moved objects, where it is known; drawings in which one piece moves; where drawn objects are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spatialgan import drawn
from spatialgan.analyses.fates import fates_of
from spatialgan.analyses.findings import Table
from spatialgan.analyses.obedience import draw, drawn_moves, moved_piece, pixels
from spatialgan.analyses.placement import placements
from spatialgan.analyses.requests import FIRST_INDEX
from spatialgan.drawn.canvas import Drawing
from spatialgan.segmenters.instances import MIN_SCORE, Instances
from spatialgan.segmenters.oracle import Oracle
from spatialgan.segmenters.truth import whole_objects
from tests.synthetic import oracle, three_objects

NUM = 40
PAIRS = 24  # drawings
SIZE = 32


def told_by_name(scene: Drawing) -> Instances:
    """Return a scene's objects, which look alike if they have the same name."""
    found = whole_objects(scene)
    seeds = [sum(map(ord, name)) for name in found.classes]
    draws = [torch.randn(64, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    features = torch.stack(draws) if draws else torch.zeros(0, 64)
    return replace(found, features=torch.nn.functional.normalize(features))


def share(place: str, fate: str, alone: bool = False) -> float:
    """Return which share of objects has a fate, drawn by a renderer that moves them so."""
    found = fates_of(three_objects(place), oracle(), NUM, alone)
    assert len(found) > NUM / 2
    return float(np.mean([one.fate == fate for one in found]))


@pytest.mark.parametrize("alone", [False, True])
def test_an_obedient_object_is_there_and_one_that_stays_is_not(alone: bool) -> None:
    assert share("obedient", "there", alone) == 1
    assert share("ignoring", "there", alone) < 0.2
    scores = [one.score for one in fates_of(three_objects("half"), oracle(), NUM, alone)]
    assert np.nanmean(scores) == pytest.approx(0.5, abs=0.05)


@pytest.mark.slow
def test_one_piece_of_a_bedroom_moves_and_a_segmenter_that_errs_never_scores_one() -> None:
    same = draw(FIRST_INDEX, SIZE, None)
    assert np.array_equal(same.image, drawn.draw("bedroom", 0, FIRST_INDEX, SIZE).image)
    indices = range(FIRST_INDEX, FIRST_INDEX + PAIRS)
    pairs = [(draw(i, SIZE, None), draw(i, SIZE, i % 3)) for i in indices]
    assert sum(moved_piece(*map(whole_objects, pair)) is not None for pair in pairs) >= 10
    truth = {}
    for scene in (scene for pair in pairs for scene in pair):
        truth[pixels([scene], "", 0).numpy().tobytes()] = told_by_name(scene)

    knows = Oracle(lambda image: truth[image[None].numpy().tobytes()], MIN_SCORE)
    table = Table("")
    drawn_moves(table, "cat", knows, PAIRS, SIZE)
    assert not table.cells
    with pytest.raises(KeyError):  # damaged drawings are not known
        drawn_moves(table, "bedroom", knows, PAIRS, SIZE)
    cells = table.cells["bedroom, as drawn"]
    assert cells["moved piece is seen"].value == 1
    assert cells["Co-move Ratio"].value == pytest.approx(1)


def test_where_drawn_objects_are() -> None:
    table = Table("")
    placements(table, "cat", 30, SIZE)
    cells = table.cells["cat, cat"]
    assert cells["objects per scene"].value == 1
    assert 0 < cells["deviation down"].value < 0.5 and 0.05 < cells["area"].value < 0.8
