"""Scores and intervals: arithmetic of made-up moves, and intervals that statistics know."""

import dataclasses
import json

import numpy as np
import pytest

from spatialgan.evaluation.bootstrap import Ratio, intervals
from spatialgan.evaluation.comove_scores import (
    Observation,
    class_scores,
    count_scores,
    score,
    scores,
)
from spatialgan.evaluation.matching import NOTHING, Track
from spatialgan.evaluation.partial import PartialResults

P = (0.3, 0.4)


def seen(track: Track, offset=P, **other) -> Observation:
    parts = {
        "idle_offset": (0.0, 0.5),
        "bystander": NOTHING,
        "still": NOTHING,
        "part": track,
        "part_offset": offset,
        "in_frame": 1,
    }
    return Observation(0, offset, object=track, **(parts | other))


def went(fraction: float, offset=P, before="bed", after="bed", is_cut=False) -> Track:
    """Return the track of an object that went this fraction of the way, plus some to the side."""
    y, x = offset
    return Track(before, after, 0.9, (fraction * y - 0.1 * x, fraction * x + 0.1 * y), is_cut)


def test_the_score_is_the_part_of_the_way_that_was_gone():
    assert score((0.3, 0.4), P) == pytest.approx(1.0)
    assert score((-0.15, -0.2), P) == pytest.approx(-0.5)
    assert score((-0.4, 0.3), P) == pytest.approx(0.0)  # to the side
    assert score((0.0, 0.2), (0.0, 0.4)) == pytest.approx(0.5)
    assert score((0.2, 0.0), (0.0, 0.4)) == 0.0  # y is not x


def test_every_number_is_over_the_moves_it_speaks_of():
    moves = [
        seen(went(1.0), bystander=went(0.5), still=went(0.25)),
        seen(went(0.5, after="lamp", is_cut=True), bystander=Track("lamp")),
        seen(Track("bed", cosine=0.3)),  # lost
        seen(NOTHING),  # nothing under the center
        seen(went(0.0, offset=(0.0, 0.1)), offset=(0.0, 0.1)),
    ]
    numbers, _ = scores(moves)
    assert numbers["comove"] == pytest.approx(1.5 / 3)
    assert numbers["strict"] == pytest.approx(1.5 / 5)
    assert numbers["coverage"] == pytest.approx(4 / 5)
    assert numbers["lost"] == pytest.approx(1 / 4)
    assert numbers["relabeled"] == pytest.approx(1 / 3)
    assert numbers["comove_whole"] == pytest.approx(1 / 2)
    assert numbers["comove_cut"] == pytest.approx(0.5)
    assert numbers["slope"] == pytest.approx((0.25 + 0.125) / (0.25 + 0.25 + 0.01))
    assert numbers["cross_talk"] == pytest.approx(0.5)
    assert numbers["unmoved"] == pytest.approx(0.25)
    shifts = [move.object.shift for move in (moves[0], moves[1], moves[4])]
    assert numbers["chance"] == pytest.approx(np.mean([x / 0.5 for _, x in shifts]))
    chance = numbers["chance"]
    assert numbers["corrected"] == pytest.approx((0.5 - chance) / (1 - chance))


def test_what_is_beyond_chance_has_an_interval_of_its_own():
    draws = np.random.default_rng(0)
    moves = [
        seen(went(draws.normal(0.8, 0.2)), idle_offset=tuple(draws.choice([-0.3, 0.3], 2)))
        for _ in range(400)
    ]
    numbers, bounds = scores(moves)
    found = bounds["corrected"]
    assert found.low < numbers["corrected"] < found.high
    assert found.std > bounds["comove"].std  # chance varies too


def test_what_no_move_can_tell_is_left_out():
    assert scores([]) == ({}, {})
    numbers, bounds = scores([seen(NOTHING)] * 3)
    assert set(numbers) == set(bounds) == {"strict", "alone_strict", "coverage"}
    assert numbers == {"strict": 0.0, "alone_strict": 0.0, "coverage": 0.0}


def test_classes_stand_apart():
    beds = [seen(went(1.0)), seen(went(0.5)), seen(Track("bed"))]
    rows = class_scores([seen(went(0.0, before="lamp")), *beds * 25, seen(NOTHING)])
    assert list(rows) == ["bed", "lamp"]
    assert (rows["bed"]["objects"], rows["bed"]["matched"]) == (75, 50)
    assert rows["bed"]["comove"] == pytest.approx(0.75)
    assert rows["bed"]["low"] < 0.75 < rows["bed"]["high"]
    assert rows["lamp"] == {"objects": 1, "matched": 1}  # one object says nothing about others
    assert class_scores([seen(Track("bed"))]) == {"bed": {"objects": 1, "matched": 0}}


def test_scenes_of_one_object_and_of_several_stand_apart():
    lone, pair = seen(went(1.0)), seen(went(0.5), in_frame=2)
    rows = count_scores([*[pair] * 60, *[lone] * 50, seen(went(0.0), in_frame=3), seen(NOTHING)])
    assert list(rows) == ["1", "2", "3"]
    assert [rows[count].get("comove") for count in "123"] == [
        pytest.approx(1),
        pytest.approx(0.5),
        None,
    ]
    assert rows["2"]["objects"] == 60


def test_observations_survive_json():
    one = seen(went(1.0), still=went(0.0))
    assert Observation.from_json(json.loads(json.dumps(dataclasses.asdict(one)))) == one


def test_intervals_are_those_of_the_normal_law_where_it_holds():
    values = np.random.default_rng(0).normal(0.3, 2.0, 4000)
    found = intervals({"mean": Ratio(values, np.ones(4000))}, 1)["mean"]
    error = values.std() / np.sqrt(4000)
    assert found.std == pytest.approx(error, rel=0.05)
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


@pytest.mark.slow
def test_nineteen_of_twenty_intervals_of_a_conditional_mean_hold_the_truth():
    draws, hits = np.random.default_rng(0), 0
    for repeat in range(100):
        chosen = (draws.random(300) < 0.3).astype(float)
        ratio = Ratio(draws.normal(0.5, 1.0, 300) * chosen, chosen)
        found = intervals({"mean": ratio}, repeat)["mean"]
        hits += found.low <= 0.5 <= found.high
    assert 88 <= hits <= 99


def test_partial_results_are_kept_for_the_same_measurement_only(tmp_path):
    path = tmp_path / "folder" / "partial.jsonl"
    first = PartialResults(path, {"n": 1})
    first.add({"next": 1})
    first.add({"next": 2})
    assert PartialResults(path, {"n": 1}).batches == [{"next": 1}, {"next": 2}]
    path.write_text(path.read_text()[:-1])  # its last line lacks the end
    assert PartialResults(path, {"n": 1}).batches == [{"next": 1}]
    again = PartialResults(path, {"n": 1})
    again.add({"next": 3})
    assert PartialResults(path, {"n": 1}).batches == [{"next": 1}, {"next": 3}]
    key, first, second = path.read_text().splitlines(keepends=True)
    for lines in ((key, second, first), (key, first, first), (key, key, first)):
        path.write_text("".join(lines))
        assert len(PartialResults(path, {"n": 1}).batches) < 2
    assert PartialResults(path, {"n": 2}).batches == []
    path.write_bytes(b"\xff\x00 no JSON")
    last = PartialResults(path, {"n": 2})
    assert last.batches == []
    last.remove()
    assert not path.exists()


def test_an_altered_batch_and_those_after_it_are_made_again(tmp_path):
    path = tmp_path / "partial.jsonl"
    first = PartialResults(path, {"n": 1})
    for number in (1, 2, 3):
        first.add({"next": number})
    path.write_text(path.read_text().replace('{"next": 2}', '{"next": 7}'))
    assert PartialResults(path, {"n": 1}).batches == [{"next": 1}]
