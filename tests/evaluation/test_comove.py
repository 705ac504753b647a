"""Co-move Ratio: renderers whose answer is known, resuming, and snapshots of real rows."""

import dataclasses
import json
from functools import cache, partial

import numpy as np
import pytest
import torch

from spatialgan.evaluation import comove
from spatialgan.evaluation.comove import (
    COMOVE,
    STILL_EVERY,
    observations_in,
    observe,
    observe_moves,
)
from spatialgan.evaluation.comove_scores import score, scores
from spatialgan.evaluation.harness import Setup
from spatialgan.evaluation.measures import MEASURES
from spatialgan.evaluation.trials import LENGTHS, draw_trials, trial_batches
from spatialgan.heatmaps.layout import Gaussians, Layout
from spatialgan.heatmaps.moves import move
from spatialgan.heatmaps.samplers import SAMPLERS
from spatialgan.rng import generator_for
from spatialgan.segmenters.instances import Instances
from spatialgan.segmenters.oracle import Oracle
from spatialgan.snapshot import save_snapshot
from spatialgan.training.state import new_state
from tests.synthetic import PLACES, layouts, oracle, renderer, three_objects
from tests.tiny import tiny_config

NUM_MOVES = 200


def observed(images, segmenter=None, done=()):
    """Return what became of the moves of a synthetic renderer, without those in `done`."""
    batches = observe_moves(images, segmenter or oracle(), NUM_MOVES, done)
    return observations_in(batches)


@cache
def measured(place, **other):
    """Return the numbers of a synthetic renderer."""
    return scores(observed(three_objects(place, **other)))[0]


@pytest.mark.unchecked
@pytest.mark.parametrize(
    ("place", "expected"), [("obedient", 1.0), ("ignoring", 0.0), ("mirrored", -1.0), ("half", 0.5)]
)
def test_renderers_score_what_they_do(place, expected):
    numbers = measured(place)
    for name in ("comove", "strict", "slope", "comove_whole"):
        assert numbers[name] == pytest.approx(expected, abs=0.01)  # pixels are 1/32 wide
    assert numbers["coverage"] == 1.0 and numbers["lost"] == 0.0 and numbers["relabeled"] == 0.0
    assert "comove_cut" not in numbers  # nothing touched the frame


@pytest.mark.parametrize(("place", "expected"), [("obedient", 1.0), ("mirrored", -1.0)])
def test_moves_by_whole_pixels_score_exactly(place, expected):
    images = three_objects(place)
    trials = draw_trials(images, 0, 0, 8)
    offsets = (
        torch.tensor([[8, 0], [0, 8], [-6, 0], [0, -6], [5, 5], [4, -8], [-8, 4], [7, 2]]) / 32
    )
    seen = observe(dataclasses.replace(trials, offsets=offsets), images, oracle())
    numbers, bounds = scores(seen)
    assert numbers["comove"] == pytest.approx(expected, abs=1e-6)
    assert bounds["comove"].low == pytest.approx(expected, abs=1e-6)


@pytest.mark.unchecked
def test_swapping_y_and_x_does_not_pass_for_obeying():
    numbers = measured("swapped")
    assert abs(numbers["comove"]) < 0.2
    swapped = renderer(lambda first, now: now.flip(-1), partial(layouts, 0.8, 3))
    numbers = scores(observed(swapped))[0]
    assert numbers["coverage"] < 0.6 and numbers["strict"] < 0.3


@pytest.mark.unchecked
@pytest.mark.parametrize("place", PLACES)
def test_controls_are_zero(place):
    numbers = measured(place)
    assert numbers["unmoved"] == 0.0
    assert numbers["cross_talk"] == 0.0  # the other two objects stay
    assert abs(numbers["chance"]) < 0.2


@pytest.mark.unchecked
def test_the_null_control_would_see_a_renderer_that_never_draws_twice_alike(tmp_path):
    images, draws = three_objects("obedient"), generator_for(0, "test", 0)
    jitter = 0.1

    def render(samples):
        level = samples.layout.levels[0]
        shaken = level.centers + jitter * torch.rand(level.centers.shape, generator=draws)
        layout = dataclasses.replace(
            samples.layout, levels=(dataclasses.replace(level, centers=shaken),)
        )
        return images.render(dataclasses.replace(samples, layout=layout))

    shaky = dataclasses.replace(images, render=render)
    assert scores(observed(shaky))[0]["unmoved"] != 0.0


@pytest.mark.unchecked
def test_objects_cut_by_the_frame_are_told_apart():
    numbers = measured("obedient", spread=0.95)
    assert numbers["comove_whole"] == pytest.approx(1.0, abs=0.01)
    assert numbers["comove_cut"] < 0.97  # the mean position of what is seen moves less


@pytest.mark.unchecked
def test_a_hierarchy_is_moved_at_level_0(tmp_path):
    draw = partial(hierarchies, 0)
    whole = renderer(PLACES["obedient"], draw)
    numbers, _ = scores(observed(whole))
    assert numbers["comove_whole"] == pytest.approx(1.0, abs=0.01)
    assert "cross_talk" not in numbers  # nobody stands by


@pytest.mark.unchecked
def test_a_part_of_a_hierarchy_is_moved_alone_too(tmp_path):
    def draw(start, stop):
        (level,) = layouts(0.3, 1, start, stop).levels
        return Layout((level, level), stop - start)

    seen = observed(renderer(PLACES["obedient"], draw))
    gone = [score(one.part.shift, one.part_offset) for one in seen]
    # discs are drawn at level 0: they follow it, and stay where they are when level 1 moves
    assert all(value == pytest.approx(round(value), abs=0.06) for value in gone)
    assert {round(value) for value in gone} == {0, 1}
    numbers, _ = scores(seen)
    assert numbers["alone"] == pytest.approx(np.mean(gone)) == pytest.approx(0.5, abs=0.12)
    assert numbers["comove_whole"] == pytest.approx(1.0, abs=0.01)


@pytest.mark.unchecked
def test_an_object_of_a_single_level_moves_alone_anyway():
    numbers = measured("half")
    assert numbers["alone"] == numbers["comove"] and numbers["alone_strict"] == numbers["strict"]


def hierarchies(seed, start, stop):
    """Return samples of the hierarchical sampler."""
    draws = [SAMPLERS["hierarchical"]()(1, generator_for(seed, "h", i)) for i in range(start, stop)]
    return Layout.cat(draws)


def test_samples_with_nothing_in_the_frame_are_passed_over():
    far = renderer(PLACES["obedient"], partial(layouts, 3.0, 1))
    batches = list(trial_batches(far, 0, 20, 0, 16))
    assert sum(len(trials) for trials in batches) == 20
    assert batches[-1].stop > 100  # one in nine is inside
    for trials in batches:
        centers = trials.centers()
        assert (centers.abs() < 1).all() and ((centers + trials.offsets).abs() < 1).all()
        widths = trials.offsets.norm(dim=1) / 2
        assert ((widths >= LENGTHS[0] - 1e-6) & (widths <= LENGTHS[1] + 1e-6)).all()
        assert not torch.equal(trials.offsets, trials.idle_offsets)
    nowhere = renderer(
        PLACES["obedient"], lambda start, stop: move(layouts(0.5, 1, start, stop), (5.0, 0.0))
    )
    with pytest.raises(ValueError, match="1000 samples have no object inside the frame"):
        next(trial_batches(nowhere, 0, 20, 0, 100))


def test_absent_objects_are_never_moved():
    def draw(start, stop):
        level = layouts(0.5, 3, start, stop).levels[0]
        there = torch.tensor([0.0, 1.0, 0.0]).expand(len(level), 3)
        return Layout((Gaussians(level.centers, level.sigmas, there),), len(level))

    assert set(draw_trials(renderer(PLACES["obedient"], draw), 0, 0, 30).objects.tolist()) == {1}


def test_a_trial_depends_on_its_sample_alone():
    images = three_objects("obedient")
    together, alone = draw_trials(images, 0, 0, 9), draw_trials(images, 0, 5, 6)
    assert torch.equal(together.offsets[5:6], alone.offsets)
    assert torch.equal(together.objects[5:6], alone.objects)
    assert len(set(together.objects.tolist())) > 1


class Interrupted(Exception):
    """A kill."""


@dataclasses.dataclass
class Counting:
    """A segmenter that stops after `limit` calls."""

    limit: int
    calls: int = 0
    name: str = "oracle"
    sha256: str = ""

    def __call__(self, images):
        self.calls += 1
        if self.calls > self.limit:
            raise Interrupted
        return oracle()(images)


@pytest.mark.unchecked
def test_a_killed_measurement_resumes_after_its_last_batch():
    straight, images = Counting(1000), three_objects("half")
    whole = list(observe_moves(images, straight, NUM_MOVES, ()))
    kept = []
    with pytest.raises(Interrupted):
        for batch in observe_moves(images, Counting(7), NUM_MOVES, ()):
            kept.append(batch)
    second = Counting(1000)
    rest = list(observe_moves(images, second, NUM_MOVES, kept))
    assert observations_in([*kept, *rest]) == observations_in(whole)
    assert len(observations_in(whole)) == NUM_MOVES
    assert second.calls == straight.calls - 6  # three of seven batches were kept


def blob(image):
    """Return one instance: the pixels brighter than the mean of an image."""
    gray = image.float().mean(dim=0)
    return Instances((gray > gray.mean())[None], torch.ones(1), ("blob",), torch.ones(1, 1))


@pytest.mark.parametrize("row", ["baseline", "gaussian_noise", "spatialgan"])
def test_a_snapshot_is_measured_and_one_without_movable_heatmaps_has_no_ratio(
    row, tmp_path, monkeypatch
):
    monkeypatch.setattr(comove, "BATCH", 4)
    config = tiny_config(row)
    snapshot, output = tmp_path / "generator.safetensors", tmp_path / "comove.json"
    save_snapshot(snapshot, new_state(config, torch.device("cpu")).g_ema, config, 8)
    setup = Setup({"num_comove": STILL_EVERY}, {"segmenter": Oracle(blob, 0.5)})
    result = COMOVE.measure(MEASURES["comove"].code, snapshot, setup, output)
    assert json.loads(output.read_text()) == result
    assert [path.name for path in tmp_path.glob("comove*")] == ["comove.json"]
    assert (result["row"], result["protocol"]["num_moves"]) == (row, STILL_EVERY)
    assert result["metric_ids"] == {"comove": "oracle_comove10"}
    if row == "spatialgan":
        assert result["metrics"]["coverage"] > 0 and result["metrics"]["unmoved"] == 0
        assert result["classes"]["blob"]["objects"] > 0
    else:
        assert result["metrics"] == {} and result["classes"] == {}
