"""Statistics over trainings against closed forms, and what they say about the paper's orderings."""

import numpy as np
import pytest

from spatialgan.reporting.columns import columns_of
from spatialgan.reporting.orderings import ordering_frame
from spatialgan.reporting.results import Result
from spatialgan.reporting.trainings import compare, mean_interval
from spatialgan.settings.params import Params, load_params
from tests.tiny import ROOT


def test_the_interval_of_a_mean_is_students():
    assert mean_interval([3.0]) is None
    low, high = mean_interval(
        [1.0, 2.0, 3.0]
    )  # t of 2 degrees of freedom: 4.303; error 1 / sqrt(3)
    assert (low, high) == (
        pytest.approx(2 - 4.3027 / 3**0.5, abs=1e-3),
        pytest.approx(4.4842, abs=1e-3),
    )


def test_it_covers_the_mean_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(0, 1, (2000, 5))
    ends = [mean_interval(list(line)) for line in draws]
    assert np.mean([low < 0 < high for low, high in ends]) == pytest.approx(0.95, abs=0.02)


def test_rows_are_compared_by_welchs_test():
    # Co-move Ratios of two trainings each: t = 1.57 with 1.2 degrees of freedom
    found = compare([0.783, 0.804], [0.774, 0.714])
    assert found.difference == pytest.approx(0.0495)
    assert found.p == pytest.approx(0.33, abs=0.03)
    assert found.low < 0 < found.high
    assert compare([1.0, 2.0], [1.0]) is None
    assert compare([1.0, 1.0], [2.0, 2.0]).p == 0


def result(row: str, seed: int, fid: float, recall: float) -> Result:
    metrics = {"fid": fid, "kid": fid / 1000, "precision": 0.5, "recall": recall}
    run = f"cat/{row}/{seed}"
    ids = {name: name for name in metrics}
    return Result(run, "cat", row, "fidelity", metrics, {}, {}, ids, {}, "", [], {})


def verdicts(params: Params, fids: dict[str, list[float]], recall: float = 0.4) -> list[str]:
    results = [
        result(row, seed, fid, recall)
        for row, found in fids.items()
        for seed, fid in enumerate(found)
    ]
    section = params.tables["objective"]
    frame = ordering_frame(params, section, columns_of(params, section, "workstation", results))
    return list(frame["verdict"]) if len(frame) > 0 else []


def test_orderings_of_the_paper_are_shown_not_shown_or_reversed():
    params = load_params(ROOT / "params")
    fids = {"baseline": [10, 10.1, 9.9], "sel": [8, 8.1, 7.9], "spatialgan": [12, 12.1, 11.9]}
    assert verdicts(params, fids) == ["shown", "reversed", "reversed"]
    assert verdicts(params, {**fids, "sel": [5, 10, 15]})[:2] == ["not shown", "not shown"]
    assert verdicts(params, {"baseline": [10], "sel": [8]}) == ["undecided: one training"]
    assert verdicts(params, {"baseline": [10, 11]}) == []
    without_sel = {row: fids[row] for row in ("baseline", "spatialgan")}
    assert verdicts(params, without_sel) == ["reversed"]


def test_rows_that_have_not_learned_are_not_ranked():
    fids = {"baseline": [100, 101, 99], "sel": [80, 81, 79]}
    found = verdicts(load_params(ROOT / "params"), fids, recall=0.02)
    assert found == ["not ranked: recall 0.020, learned is 0.1"]
