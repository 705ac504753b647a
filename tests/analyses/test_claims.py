"""Claims: one rule for all, by trainings; and the page that lists them."""

import json
import shutil
from pathlib import Path

import pytest

from spatialgan.analyses.claims import FAILS, HOLDS, OPEN, weigh, write_claims
from spatialgan.params import Params, load_params
from spatialgan.records import write_record
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
    assert weigh(runs, least, {}) == verdict


def test_trainings_that_have_not_learned_decide_nothing() -> None:
    runs = {"cat/a/0": 0.30, "cat/a/1": 0.31, "cat/a/2": -5.0}
    assert weigh(runs, 0, {}).startswith(OPEN)
    assert weigh(runs, 0, {"cat/a/2": "recall 0.010"}) == HOLDS
    found = weigh(runs, 0, {"cat/a/1": "recall 0.010", "cat/a/2": "recall 0.020"})
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
    assert found[says["attention_sign"]]["verdict"] == FAILS  # its bound is 0.8
    assert found[says["attention_shallow"]]["verdict"] == f"{OPEN}: one training"
    assert found[says["attention_shallow"]]["here"] == "0.20 [0.10, 0.30]"
    assert found[says["consistent"]]["verdict"] == f"{OPEN}: not measured"
    orders = [line for line in record["claims"] if line["source"] == "Tab. IV"]
    assert {line["claim"].split(":")[0] for line in orders} == {"cat", "face", "church"}
    assert all(line["verdict"].startswith(f"{OPEN}: not run (Baseline") for line in orders)
    assert sum(record["counts"].values()) == len(record["claims"])
    page = params.results("smoke").analysis("claims", ".md").read_text()
    assert all(line["claim"] in page for line in record["claims"][:3])


def test_runs_that_did_not_learn_leave_a_claim_open(params: Params) -> None:
    runs = {"cat/baseline/0": 0.2, "cat/baseline/1": 0.21, "cat/baseline/2": 0.19}
    put(params, {"attention_real": runs}, dict.fromkeys(runs, 0.01))
    record = json.loads(write_claims(params, "smoke").read_text())
    (line,) = (one for one in record["claims"] if one["claim"].endswith("object in real images"))
    assert line["verdict"] == f"{OPEN}: 3 of 3 not learned (recall 0.010)"


def test_what_is_shown_is_of_the_trainings_that_count(params: Params) -> None:
    runs = {"cat/baseline/0": 0.2, "cat/baseline/1": 0.22, "cat/baseline/2": -9.0}
    put(params, {"attention_real": runs}, {"cat/baseline/2": 0.01})
    record = json.loads(write_claims(params, "smoke").read_text())
    (line,) = (one for one in record["claims"] if one["claim"].endswith("object in real images"))
    assert line["here"].startswith("0.21 [") and line["trainings"] == 3
