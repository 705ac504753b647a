"""Locality: renderers that change a known amount at a known place."""

import dataclasses
import json

import pytest
import torch

from spatialgan.evaluation import locality
from spatialgan.evaluation.harness import Setup
from spatialgan.evaluation.locality import (
    LOCALITY,
    discs,
    effects_in,
    effects_of,
    localities,
    observe_effects,
    restyled,
)
from spatialgan.evaluation.measures import MEASURES
from spatialgan.evaluation.trials import Renderer, draw_trials
from spatialgan.heatmaps.moves import objects
from spatialgan.networks.generator import GeneratorInputs
from spatialgan.snapshot import save_snapshot
from spatialgan.training.state import new_state
from tests.synthetic import layouts
from tests.tiny import tiny_config

NUM_TRIALS = 40
INSIDE, EVERYWHERE = 100, 10  # gray levels that an object adds in its disc, and to the whole image


def lamps(everywhere: int, flip: bool = False, num_objects: int = 1) -> Renderer:
    """Return rooms with lamps: a style's first number, 0 or 1, says whether a lamp has its shade on."""

    def draw(start, stop):
        layout = layouts(0.3, num_objects, start, stop)
        return GeneratorInputs(torch.zeros(stop - start, 1 + num_objects, 2), layout, [])

    def render(samples):
        level = objects(samples.layout)
        images = []
        for i in range(len(level)):
            centers = level.centers[i].flip(-1) if flip else level.centers[i]
            on = level.presence[i] * (samples.z[i, 1:, 0].abs() < 1e-9)
            shades = discs(centers[:, None], 32)
            images.append(
                sum(o * (INSIDE * d + everywhere) for o, d in zip(on, shades, strict=True))
            )
        return torch.stack(images).to(torch.uint8)[:, None].repeat(1, 3, 1, 1)

    return Renderer(draw, render)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(locality, "BATCH", 16)


def numbers(renderer):
    return localities(effects_in(observe_effects(renderer, NUM_TRIALS, ())))


def test_a_change_that_stays_in_its_disc_has_nothing_outside():
    values, bounds = numbers(lamps(0))
    for edit in ("move", "remove", "restyle"):
        assert values[f"{edit}_outside"] == 0.0 and f"{edit}_locality" not in values
    assert values["remove_inside"] == values["restyle_inside"] == INSIDE
    # where both places overlap nothing changes
    assert 0.5 * INSIDE < values["move_inside"] <= INSIDE
    assert bounds["remove_inside"].low == bounds["remove_inside"].high == INSIDE


def test_the_ratio_is_per_pixel():
    values, bounds = numbers(lamps(EVERYWHERE))
    for edit in ("remove", "restyle"):
        assert values[f"{edit}_outside"] == EVERYWHERE
        assert values[f"{edit}_inside"] == INSIDE + EVERYWHERE
        assert values[f"{edit}_locality"] == pytest.approx((INSIDE + EVERYWHERE) / EVERYWHERE)
    assert values["move_outside"] == 0.0
    low, high = bounds["remove_locality"].low, bounds["remove_locality"].high
    assert low <= values["remove_locality"] + 1e-9 and values["remove_locality"] - 1e-9 <= high


def test_the_disc_is_the_same_however_large_the_heatmap():
    def rooms(sigma):
        def draw(start, stop):
            layout = layouts(0.3, 1, start, stop)
            (level,) = layout.levels
            sized = dataclasses.replace(level, sigmas=torch.full_like(level.sigmas, sigma))
            layout = dataclasses.replace(layout, levels=(sized,))
            return GeneratorInputs(torch.zeros(stop - start, 2, 2), layout, [])

        return Renderer(draw, lamps(EVERYWHERE).render)

    small, large = (effects_of(draw_trials(rooms(s), 0, 0, 8), rooms(s), 0) for s in (0.1, 0.5))
    for name, seen in small.items():
        pixels = [change.inside_pixels for change in seen]
        assert pixels == [change.inside_pixels for change in large[name]]
        assert all(0.02 * 32**2 < count <= 0.17 * 32**2 for count in pixels)


def test_swapping_y_and_x_is_seen():
    values, _ = numbers(lamps(0, flip=True))
    assert values["remove_outside"] > 0 and values["move_outside"] > 0


def test_only_the_chosen_object_is_edited():
    room = lamps(0, num_objects=3)
    trials = draw_trials(room, 0, 0, 12)
    assert set(trials.objects.tolist()) == {0, 1, 2}
    z = restyled(trials, 0).z
    for row, index in enumerate(trials.objects.tolist()):
        changed = (z[row] != trials.samples.z[row]).any(dim=1)
        assert changed.nonzero()[:, 0].tolist() == [1 + index]
    for name, seen in effects_of(trials, room, 0).items():
        assert all(change.inside_pixels + change.outside_pixels == 32 * 32 for change in seen), name


def test_a_killed_measurement_resumes_after_its_last_batch():
    room, rendered = lamps(EVERYWHERE), []
    whole = list(observe_effects(room, NUM_TRIALS, ()))

    def render(samples):
        rendered.append(len(samples.z))
        if len(rendered) == 6:  # four pictures for each batch: in the second
            raise KeyboardInterrupt
        return room.render(samples)

    dying, kept = dataclasses.replace(room, render=render), []
    with pytest.raises(KeyboardInterrupt):
        for batch in observe_effects(dying, NUM_TRIALS, ()):
            kept.append(batch)
    assert [*kept, *observe_effects(dying, NUM_TRIALS, kept)] == whole
    assert len(rendered) == 6 + 4 * 2  # the first batch was kept
    effects = effects_in(whole)
    assert {name: len(seen) for name, seen in effects.items()} == dict.fromkeys(effects, NUM_TRIALS)


@pytest.mark.parametrize(
    ("row", "edits"),
    [
        ("baseline", set()),
        ("spatialgan", {"move", "remove"}),
        ("indoor", {"move", "remove", "restyle"}),
    ],
)
def test_a_snapshot_is_measured_for_the_edits_it_knows(row, edits, tmp_path):
    config = tiny_config(row)
    snapshot, output = tmp_path / "generator.safetensors", tmp_path / "locality.json"
    save_snapshot(snapshot, new_state(config, torch.device("cpu")).g_ema, config, 8)
    setup = Setup({"num_comove": 8}, {})
    result = LOCALITY.measure(MEASURES["locality"].code, snapshot, setup, output)
    assert json.loads(output.read_text()) == result
    assert [path.name for path in tmp_path.glob("locality*")] == ["locality.json"]
    assert {name.partition("_")[0] for name in result["metrics"]} == edits
    assert set(result["intervals"]) == set(result["metrics"])
    if edits:
        assert result["metrics"]["remove_inside"] > 0 and result["metrics"]["remove_locality"] > 0
