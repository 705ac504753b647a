"""How far to go for a change, against closed forms; and every rival on tiny models."""

import pytest
import torch

from spatialgan.directions.spaces import Change
from spatialgan.evaluation import links, local_control
from spatialgan.evaluation.edit_lines import NUMBERS, RATIO_CAP, ratio_of
from spatialgan.evaluation.harness import Setup
from spatialgan.evaluation.rivals import RIVALS
from spatialgan.evaluation.ways import Reached, Way, along, change_in, images_of, reach, towards
from spatialgan.networks.generator import SynthesisInputs
from spatialgan.snapshot import draw_samples, load_snapshot
from tests.tiny import tiny_snapshot

TIMES = {"edit_seconds", "edit_apply"}
LEFT = torch.zeros(4, 4, dtype=torch.bool)
LEFT[:, :2] = True


def linear(amounts_known=(0.5, 1.0, 2.0, 4.0)):
    """Return a way and the image of an amount: it itself on the left, a tenth of it on the right."""
    pattern = torch.where(LEFT, 1.0, 0.1)

    def draw(inputs):
        return inputs.ws[:, 0, :1, None, None] * pattern.expand(3, 4, 4)

    def at(amounts):
        ws = torch.tensor(amounts, dtype=torch.float32)[:, None, None]
        return SynthesisInputs(ws, None, [])

    return Way(at, amounts_known), draw


@pytest.mark.unchecked
def test_the_amount_for_a_change_is_found_and_what_changes_outside_is_told():
    way, draw = linear()
    for level, found in zip((0.1, 0.3), reach(way, draw, LEFT, (0.1, 0.3)), strict=True):
        assert found.inside == pytest.approx(level, abs=0.02)
        assert found.amount == pytest.approx(found.inside, rel=1e-5)
        assert found.inside / found.outside == pytest.approx(10, rel=1e-4)


@pytest.mark.unchecked
def test_what_never_changes_so_much_has_not_reached_it():
    way, draw = linear((0.1, 0.2))
    near, far = reach(way, draw, LEFT, (0.1, 0.3))
    assert near is not None and far is None


def test_a_change_is_the_root_mean_square_of_a_region():
    after = torch.zeros(2, 3, 4, 4)
    after[1, :, :, :2] = torch.tensor([3.0, 4.0])
    assert change_in(torch.zeros(3, 4, 4), after, LEFT).tolist() == pytest.approx([0, 12.5**0.5])
    assert change_in(torch.zeros(3, 4, 4), after, ~LEFT).tolist() == [0, 0]


@pytest.fixture(scope="module", params=["spatialgan", "indoor"])
def snapshot(request, tmp_path_factory):
    return load_snapshot(
        tiny_snapshot(tmp_path_factory.mktemp("m") / "m.safetensors", request.param)
    )


def inputs_of(snapshot, seed=0):
    sample = draw_samples(snapshot.config, seed, 0, 1)
    return SynthesisInputs(
        snapshot.generator.styles(sample.z, sample.layout), sample.layout, sample.noise
    )


def test_ways_begin_at_the_image_and_lead_where_they_should(snapshot):
    before, after = inputs_of(snapshot), inputs_of(snapshot, 1)
    first, last = (images_of(snapshot, one) for one in (before, after))
    ends = images_of(snapshot, towards(before, after).at([0.0, 1.0]))
    torch.testing.assert_close(ends, torch.cat([first, last]), rtol=0, atol=1e-4)
    config = snapshot.config.generator
    latent = (after.ws - before.ws)[0]
    none = torch.zeros(len(config.noise_sizes), *latent.shape[1:-1], config.channels(4))
    way = along(before, Change(latent, none))
    assert way.amounts[0] == pytest.approx(2**-5) and way.amounts[-1] == pytest.approx(2**7)
    two = images_of(snapshot, way.at([0.0, 0.5]))
    torch.testing.assert_close(two[:1], first, rtol=0, atol=1e-5)
    halfway = SynthesisInputs((before.ws + after.ws) / 2, before.layout, before.noise)
    torch.testing.assert_close(two[1:], images_of(snapshot, halfway), rtol=0, atol=1e-4)


@pytest.fixture(scope="module")
def linked(tmp_path_factory):
    return load_snapshot(tiny_snapshot(tmp_path_factory.mktemp("m") / "m.safetensors", "link_left"))


@pytest.fixture(scope="module")
def measured(linked):
    setup = Setup({"edits": {"images": 2, "slow": 1, "fid": 3, "fid_jacobian": 2}}, {})
    return setup, list(local_control.observe(linked, setup, []))


def tried(snapshot, setup, batches):
    edits = local_control.conclude(snapshot, setup, batches).details["edits"]
    return {(group["method"], group["region"]): group for group in edits}


def of_resefa(measured):
    lines = [line for batch in measured[1] for line in batch["lines"]]
    return [line for line in lines if line["method"] == "resefa" and line["edit_reached"]]


@pytest.mark.slow
@pytest.mark.unchecked
def test_rivals_without_objects_are_measured_on_boxes_and_slow_ones_on_fewer_images(
    linked, measured
):
    found = tried(linked, *measured)
    assert all(line["edit_inside"] > line["edit_outside"] for line in of_resefa(measured))
    boxes = {"random", "pca", "sefa", "resefa", "resefa_plus", "drag", "stylespace"}
    assert boxes | {"resample"} <= {method for method, _ in found} <= set(RIVALS)
    assert {region for _, region in found} == {"left", "center"}
    assert ("resample", "left") in found and ("resample", "center") not in found
    assert len(found["resefa", "left"]["edit_ratio"]) == 2
    assert len(found["resefa_plus", "left"]["edit_ratio"]) == 1


@pytest.mark.unchecked
def test_a_killed_measure_goes_on(linked, measured):
    setup, batches = measured
    again = list(local_control.observe(linked, setup, batches[:1]))
    plain = [
        [{k: v for k, v in line.items() if k not in TIMES} for line in one["lines"]]
        for one in (batches[1], again[0])
    ]
    assert plain[0] == plain[1]
    assert [one["features"] for one in again] == [one["features"] for one in batches[1:]]


@pytest.mark.unchecked
def test_resefa_beats_a_random_direction(linked, measured):
    metrics = local_control.conclude(linked, *measured).metrics
    assert metrics["resefa_left_10"] > 2 * metrics["random_left_10"]
    assert metrics["resefa_left_10_reached"] == 1
    assert metrics["few_resefa_left_10"] == pytest.approx(metrics["resefa_left_10"], rel=0.5)


def test_a_profile_says_how_many_images_are_tried_or_its_other_counts_do():
    laptop = {"num_comove": 500, "num_drags": 20, "num_fake": 2000}
    assert local_control.counts(Setup(laptop, {})) == local_control.Counts(50, 4, 200, 200)
    given = {"images": 9, "slow": 2, "fid": 7, "fid_jacobian": 0}
    setup = Setup({**laptop, "edits": given}, {})
    assert local_control.counts(setup) == local_control.Counts(9, 2, 7, 0)
    assert local_control.protocol(setup)["images_for_FID"] == 7


@pytest.mark.unchecked
def test_fid_is_of_as_many_further_images_as_the_profile_says(linked, measured):
    _, batches = measured
    assert [bool(batch["lines"]) for batch in batches] == [True, True, False]
    seen = [set(batch["features"]) for batch in batches]
    assert {"", "random", "resample"} <= seen[2] and not seen[2] & {"resefa", "pca", "drag"}
    assert "resefa" in seen[1] and "resefa_plus" not in seen[0]
    metrics = local_control.conclude(linked, *measured).metrics
    assert metrics["resefa_fid_images"] <= 2 and "resefa_fid" not in metrics


def batch(ratio, shift):
    """Return what is observed of one image whose edit has this ratio and moves all features by as much."""
    line = {"region": "left", "level": 0.3, "method": "random"} | dict.fromkeys(NUMBERS, 1.0)
    features = torch.randn(8, generator=torch.Generator().manual_seed(int(ratio))).tolist()
    return {
        "next": 0,
        "stranger": 0.5,
        "lines": [{**line, "edit_ratio": ratio}],
        "features": {"": features, "random": [one + shift for one in features]},
    }


def test_a_ratio_to_next_to_nothing_is_capped():
    assert ratio_of(Reached(1.0, 0.2, 0.1, torch.zeros(3, 4, 4))) == pytest.approx(4)
    assert ratio_of(Reached(1.0, 0.2, 0.0, torch.zeros(3, 4, 4))) == RATIO_CAP


def test_medians_are_told_for_the_images_of_slow_rivals_too(linked):
    batches = [batch(float(ratio), 0.5) for ratio in [5000, 3000, *range(1, 199)]]
    setup = Setup({"edits": {"images": 200, "slow": 2, "fid": 200, "fid_jacobian": 0}}, {})
    found = local_control.conclude(linked, setup, batches)
    assert found.metrics["few_random_left_30"] == 4000
    assert found.metrics["random_left_30"] == 100.5
    assert found.metrics["random_left_30_mean"] == pytest.approx((8000 + 99 * 199) / 200)
    interval = found.intervals["random_left_30"]
    assert 80 < interval.low < 100.5 < interval.high < 120
    assert found.metrics["identity_of_strangers"] == 0.5
    assert found.metrics["random_fid"] == pytest.approx(8 * 0.5**2, rel=1e-3)
    assert found.metrics["random_fid_images"] == 200


@pytest.mark.slow
@pytest.mark.unchecked
def test_objects_are_moved_removed_and_restyled_in_their_discs(tmp_path):
    snapshot = load_snapshot(tiny_snapshot(tmp_path / "m.safetensors", "indoor"))
    setup = Setup({"num_comove": 10, "num_drags": 0, "num_fake": 5}, {})
    found = tried(snapshot, setup, list(local_control.observe(snapshot, setup, [])))
    assert {("restyle", "disc"), ("remove", "disc"), ("move", "discs")} <= set(found)
    assert {("resefa", "discs"), ("lowrank", "disc"), ("drag", "disc")} <= set(found)


def test_links_of_a_generator_that_knows_them_are_measured_so(monkeypatch, tmp_path):
    """The linked axes brighten the left half, twice as much as the right; the others the right half alone."""
    snapshot = load_snapshot(tiny_snapshot(tmp_path / "m.safetensors", "link_left"))
    width = snapshot.config.generator.w_dim // 4

    def synthesis(self, ws, layout, noise):
        linked, others = ws[:, 0, :width].mean(dim=1), ws[:, 0, width:].mean(dim=1)
        left = 0.1 * linked[:, None, None, None].expand(-1, 3, 16, 8)
        right = 0.05 * linked + 0.1 * others
        return torch.cat([left, right[:, None, None, None].expand(-1, 3, 16, 8)], dim=3)

    monkeypatch.setattr(type(snapshot.generator.synthesis), "forward", synthesis)
    setup = Setup({"num_comove": 40}, {})
    found = links.conclude(snapshot, setup, list(links.observe(snapshot, setup, [])))
    assert found.metrics["linked_left"] == pytest.approx(4, rel=1e-4)
    assert "others_left" not in found.metrics or found.metrics["others_left"] > 1e6
    assert found.metrics["contrast_left"] == pytest.approx(0, abs=1e-6)
    low, high = (getattr(found.intervals["linked_left"], end) for end in ("low", "high"))
    assert low <= 4.001 and high >= 3.999


def test_links_go_on_where_they_stopped(snapshot):
    setup = Setup({"num_comove": 40}, {})
    whole = list(links.observe(snapshot, setup, []))
    assert [batch["next"] for batch in whole] == [32, 40]
    assert list(links.observe(snapshot, setup, whole[:1])) == whole[1:]
    assert set(links.conclude(snapshot, setup, whole).metrics) >= {"linked_two", "reach_center"}
