"""Claims: one rule for all, by trainings; and the page that lists them."""

import json
import shutil
from pathlib import Path

import pytest

from spatialgan.analyses.claims import FAILS, HOLDS, OPEN, weigh, write_claims
from spatialgan.analyses.evidence import evidence_of
from spatialgan.analyses.findings import Number, exactly
from spatialgan.analyses.verdicts import Bound
from spatialgan.records import write_record
from spatialgan.settings.params import Params, load_params
from tests.tiny import ROOT


@pytest.mark.parametrize(
    ("values", "least", "verdict"),
    [
        ([0.30, 0.31, 0.32], 0.0, HOLDS),
        ([-0.30, -0.31, -0.32], 0.0, FAILS),
        ([0.30, 0.31, 0.32], 0.5, FAILS),
        ([0.30, 0.31], 0.31, f"{OPEN}: the interval includes 0.31"),
        ([0.1, 0.9], 0.0, f"{OPEN}: the interval includes 0"),  # two trainings, far apart
        ([9.0], 0.0, f"{OPEN}: one training"),  # however large
        ([], 0.0, f"{OPEN}: not measured"),
    ],
)
def test_a_claim_is_decided_by_the_interval_over_trainings(
    values: list[float], least: float, verdict: str
) -> None:
    runs = {f"cat/baseline/{i}": value for i, value in enumerate(values)}
    assert weigh(runs, Bound(least), {}) == verdict


def test_a_claim_may_be_that_a_number_is_small() -> None:
    runs = {"cat/a/0": 0.30, "cat/a/1": 0.31, "cat/a/2": 0.32}
    assert weigh(runs, Bound(0.4, is_most=True), {}) == HOLDS
    assert weigh(runs, Bound(0.2, is_most=True), {}) == FAILS


def test_trainings_that_have_not_learned_decide_nothing() -> None:
    runs = {"cat/a/0": 0.30, "cat/a/1": 0.31, "cat/a/2": -5.0}
    assert weigh(runs, Bound(0), {}).startswith(OPEN)
    assert weigh(runs, Bound(0), {"cat/a/2": "recall 0.010"}) == HOLDS
    found = weigh(runs, Bound(0), {"cat/a/1": "recall 0.010", "cat/a/2": "recall 0.020"})
    assert found == f"{OPEN}: 2 of 3 not learned (recall 0.010)"


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Return the project's parameters, in an empty folder with a copy of them."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "params", "params")
    return load_params()


def put(params: Params, evidence: dict, recall: dict[str, float]) -> None:
    """Write an analysis' record and the recalls of its runs."""
    results = params.results("smoke")
    runs = {run for found in evidence.values() for run in found}
    as_numbers = {
        claim: {run: {"value": x, "low": x - 0.1, "high": x + 0.1} for run, x in found.items()}
        for claim, found in evidence.items()
    }
    write_record(results.analysis("attention", ".json"), {"evidence": as_numbers})
    for run in runs:
        path = results.metric(run, "fidelity")
        write_record(path, {"metrics": {"fid": 1.0, "recall": recall.get(run, 0.5)}})


def test_every_claim_and_ordering_of_the_paper_is_listed_with_its_evidence(params: Params) -> None:
    evidence = {
        "attention_real": {"cat/baseline/0": 0.2, "cat/baseline/1": 0.21, "cat/baseline/2": 0.19},
        "attention_sign": {"cat/baseline/0": 0.2, "cat/baseline/1": 0.21},
        "attention_shallow": {"cat/baseline/0": 0.2},
    }
    put(params, evidence, {})
    record = json.loads(write_claims(params, "smoke").read_text())
    found = {line["claim"]: line for line in record["claims"]}
    says = {name: claim["says"] for name, claim in params.claims.items()}
    assert set(says.values()) <= set(found)
    assert found[says["attention_real"]]["verdict"] == HOLDS
    assert found[says["attention_real"]]["here"] == "0.20 [0.18, 0.22]"
    assert found[says["attention_real"]]["trainings"] == 3
    assert found[says["attention_real"]]["of"] == "cat/baseline"
    assert found[says["attention_real"]]["in_models"] == "so in 3"
    assert found[says["attention_shallow"]]["in_models"] == "so"
    assert found[says["attention_sign"]]["in_models"] == "not so in 2"
    assert found[says["removed"]]["verdict"] == f"{OPEN}: {params.claims['removed']['why']}"
    assert found[says["attention_sign"]]["verdict"] == FAILS  # its bound is 0.8
    assert found[says["attention_shallow"]]["verdict"] == f"{OPEN}: one training"
    assert found[says["attention_shallow"]]["here"] == "0.20 [0.10, 0.30]"
    assert found[says["consistent"]]["verdict"] == f"{OPEN}: not measured"
    orders = [line for line in record["claims"] if line["source"] == "Tab. IV"]
    assert found[says["training_time"]]["here"] == "-"
    assert {line["claim"].split(":")[0] for line in orders} == {"cat", "face", "church"}
    assert all(line["verdict"].startswith(f"{OPEN}: not run (Baseline") for line in orders)
    assert sum(record["counts"].values()) == len(record["claims"])
    page = params.results("smoke").analysis("claims", ".md").read_text()
    assert all(line["claim"] in page for line in record["claims"][:3])


def test_other_rows_and_data_sets_are_no_draws_of_the_same_method(params: Params) -> None:
    runs = {"cat/baseline/0": 0.2, "face/baseline/0": 0.21, "cat/sel/0": 0.19, "cat/sel/1": 0.2}
    put(params, {"attention_real": runs}, {})
    record = json.loads(write_claims(params, "smoke").read_text())
    lines = [
        one for one in record["claims"] if one["claim"] == params.claims["attention_real"]["says"]
    ]
    found = {line["of"]: (line["trainings"], line["verdict"]) for line in lines}
    assert found == {
        "cat/baseline": (1, f"{OPEN}: one training"),
        "face/baseline": (1, f"{OPEN}: one training"),
        "cat/sel": (2, HOLDS),
    }


def test_bedrooms_are_compared_with_the_paper_s_model_of_them(params: Params) -> None:
    for row, fid in (("baseline", 9.0), ("indoor", 7.0), ("spatialgan", 8.0)):
        run, results = f"bedroom/{row}/0", params.results("smoke")
        shared = {"snapshot_sha256": "a" * 64, "protocol": {}}
        measured = {**shared, "metrics": {"fid": fid, "recall": 0.5}}
        write_record(results.metric(run, "fidelity"), measured)
        trained = {"snapshot_sha256": "a" * 64, "kimg": 1.0, "resolution": 16, "precision": "fp32"}
        write_record(results.run(run).record, trained)
    record = json.loads(write_claims(params, "smoke").read_text())
    lines = [line for line in record["claims"] if line["of"] == "bedroom" and line["here"] != "-"]
    (line,) = (one for one in lines if one["source"] == "v1 Tab. 1; Tab. III")
    assert line["claim"].startswith("+ L_align_indoor: SpatialGAN minus Baseline")
    assert line["claim"].endswith("is -1.55 (FID)") and line["here"] == "-2.00"
    assert not any("SEL_norm" in line["claim"] for line in lines)


def test_runs_that_did_not_learn_leave_a_claim_open(params: Params) -> None:
    runs = {"cat/baseline/0": 0.2, "cat/baseline/1": 0.21, "cat/baseline/2": 0.19}
    put(params, {"attention_real": runs}, dict.fromkeys(runs, 0.01))
    record = json.loads(write_claims(params, "smoke").read_text())
    (line,) = (
        one for one in record["claims"] if one["claim"] == params.claims["attention_real"]["says"]
    )
    assert line["verdict"] == f"{OPEN}: 3 of 3 not learned (recall 0.010)"


def test_what_is_shown_is_of_the_trainings_that_count(params: Params) -> None:
    runs = {"cat/baseline/0": 0.2, "cat/baseline/1": 0.22, "cat/baseline/2": -9.0}
    put(params, {"attention_real": runs}, {"cat/baseline/2": 0.01})
    record = json.loads(write_claims(params, "smoke").read_text())
    (line,) = (
        one for one in record["claims"] if one["claim"] == params.claims["attention_real"]["says"]
    )
    assert line["here"].startswith("0.21 [") and line["trainings"] == 3


def test_the_record_of_a_measure_is_evidence_with_its_interval(params: Params) -> None:
    path = params.results("smoke").metric("bedroom/indoor/0", "locality")
    ends = {"move_locality": {"low": 9.0, "high": 11.0, "std": 0.5}}
    write_record(path, {"metrics": {"move_locality": 10.0}, "intervals": ends})
    assert evidence_of(params, "smoke", "moving") == {"bedroom/indoor/0": Number(10.0, 9.0, 11.0)}
    assert evidence_of(params, "smoke", "removing") == {}
    assert evidence_of(params, "smoke", "removed") == {}


def test_the_time_of_a_training_is_compared_with_the_baseline_s(params: Params) -> None:
    results = params.results("smoke")
    write_record(results.run("cat/spatialgan/0").record, {"images_per_second": 60.0})
    assert evidence_of(params, "smoke", "training_time") == {}
    write_record(results.run("cat/baseline/0").record, {"images_per_second": 90.0})
    (found,) = evidence_of(params, "smoke", "training_time").values()
    assert found == exactly(0.5)


def test_drags_of_the_paper_s_method_are_compared_with_those_of_the_baseline(
    params: Params,
) -> None:
    def put_drags(row: str, seconds: dict[str, list[float]]) -> None:
        lines = [
            {"method": method, "length_px": length, "seconds": [x * length for x in values]}
            for method, values in seconds.items()
            for length in (30, 60)
        ]
        path = params.results("smoke").metric(f"cat/{row}/0", "drags")
        write_record(path, {"metrics": {}, "drags": lines})

    put_drags("baseline", {"latent": [1.0, 2.0, 90.0], "coarse+latent+centers": [7.0, 7.0, 7.0]})
    assert evidence_of(params, "smoke", "drag_seconds") == {}  # of one of the two only
    ours = {"latent": [7.0, 7.0, 7.0], "coarse+latent+centers": [1.0, 0.5, 0.5]}
    put_drags("spatialgan", {**ours, "latent+centers": [1.5, 1.5, 9.0], "coarse": [0.1, 0.1, 0.1]})
    (found,) = evidence_of(params, "smoke", "drag_seconds").values()
    assert found.value == pytest.approx((30 + 60) / 2 * (2.0 - 0.5))  # medians
    assert found.low < found.value < found.high
    (ratio,) = evidence_of(params, "smoke", "drag_thrice").values()
    assert ratio.value == pytest.approx(3)  # of medians
    (jump,) = evidence_of(params, "smoke", "drag_jump").values()
    assert jump.value == pytest.approx((30 + 60) / 2 * 0.1) == jump.low
    (joint,) = evidence_of(params, "smoke", "drag_joint").values()
    assert joint.value == pytest.approx((30 + 60) / 2 * (2.0 - 1.5))
    params.claims["drag_static"]["metric"] = "seconds"
    (static,) = evidence_of(params, "smoke", "drag_static").values()  # both on the same row
    assert static.value == pytest.approx((30 + 60) / 2 * (7.0 - 1.5))


def test_an_ordering_that_several_tables_show_is_one_claim(params: Params) -> None:
    for row in ("baseline", "spatialgan"):
        run, results = f"cat/{row}/0", params.results("smoke")
        fid = {"fid": 9.0 if row == "baseline" else 7.0, "recall": 0.5}
        shared = {"snapshot_sha256": "a" * 64, "protocol": {}, "metrics": fid}
        write_record(results.metric(run, "fidelity"), shared)
        trained = {"snapshot_sha256": "a" * 64, "kimg": 1.0, "resolution": 16, "precision": "fp32"}
        write_record(results.run(run).record, trained)
    record = json.loads(write_claims(params, "smoke").read_text())
    (line,) = (one for one in record["claims"] if one["claim"].startswith("cat: + L_align"))
    assert line["source"] == "v1 Tab. 1; Tab. IV; Tab. V; Tab. III"
    assert line["here"] == "-2.00" and line["verdict"] == f"{OPEN}: one training"
