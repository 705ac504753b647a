"""The harness: what is measured by key, resuming, and one clear line for what can't be measured."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from spatialgan import tensor_file
from spatialgan.cli.main import main
from spatialgan.evaluation import harness
from spatialgan.evaluation.harness import Findings, Procedure, Setup, measure_run
from spatialgan.evaluation.measures import MEASURES
from spatialgan.files import file_sha256
from spatialgan.settings.params import load_params
from spatialgan.snapshot import load_hashed
from tests.tiny import ROOT, tiny_snapshot

CODE = MEASURES["locality"].code
SETUP = Setup({}, {})


def counting(calls: list[int], dies_at: int = 1000) -> Procedure:
    """Return a procedure of five batches that notes which it makes, and is killed in one."""

    def observe(snapshot, setup, done):
        for number in range(len(done), 5):
            calls.append(number)
            if len(calls) == dies_at:
                raise KeyboardInterrupt
            yield {"number": number, "pair": (number, 0.1)}

    def conclude(snapshot, setup, batches):
        assert all(isinstance(batch["pair"], list) for batch in batches)  # as read back from disk
        return Findings({"sum": float(sum(batch["number"] for batch in batches))})

    return Procedure(lambda setup: {"num": 5, **setup.settings}, observe, conclude)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return tiny_snapshot(tmp_path_factory.mktemp("snapshot") / "g.safetensors")


def test_a_killed_measurement_resumes_only_if_it_is_the_same(snapshot, tmp_path):
    output, straight = tmp_path / "m.json", tmp_path / "straight.json"
    whole = counting([]).measure(CODE, snapshot, SETUP, straight)
    for setup, code, made in (
        (SETUP, CODE, [3, 4]),
        (Setup({"num": 6}, {}), CODE, [0, 1, 2, 3, 4]),
        (SETUP, MEASURES["comove"].code, [0, 1, 2, 3, 4]),
    ):
        calls = []
        with pytest.raises(KeyboardInterrupt):
            counting([], dies_at=4).measure(CODE, snapshot, SETUP, output)
        with next(tmp_path.glob("m.partial*")).open("a") as file:
            file.write('{"number": 3, "pa')  # killed while it wrote
        record = counting(calls).measure(code, snapshot, setup, output)
        assert calls == made
        assert record["metrics"] == whole["metrics"] == {"sum": 10.0}
    assert {path.name for path in tmp_path.iterdir()} == {"m.json", "straight.json"}


def test_a_record_says_what_was_measured(snapshot, tmp_path):
    record = counting([]).measure(CODE, snapshot, SETUP, tmp_path / "m.json")
    assert record == json.loads((tmp_path / "m.json").read_text())
    assert record["run"] == "cat/spatialgan/0" and record["kimg"] == 8.0
    assert record["snapshot_sha256"] == file_sha256(snapshot)
    assert record["protocol"] == {"num": 5}
    assert record["intervals"] == record["metric_ids"] == {}
    assert len(record["commit"]) > 6


def test_the_hash_is_of_the_bytes_that_were_loaded(snapshot, tmp_path, monkeypatch):
    path = tmp_path / "g.safetensors"
    path.write_bytes(snapshot.read_bytes())
    read = tensor_file.read_whole

    def replaced(path):
        data = read(path)
        tiny_snapshot(path, "sel")
        return data

    monkeypatch.setattr(tensor_file, "read_whole", replaced)
    loaded, sha256 = load_hashed(path)
    assert (loaded.config.row, sha256) == ("spatialgan", file_sha256(snapshot))
    assert file_sha256(path) != sha256


def test_planning_needs_no_torch():
    code = "import sys, spatialgan.upkeep.graph; sys.exit(bool({'torch', 'pandas', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("what", MEASURES)
def test_a_measure_says_what_it_depends_on_and_has_its_procedure(what):
    params, measure = load_params(ROOT / "params"), MEASURES[what]
    assert set(measure.inputs) <= {"archive", "extractor", "judge", "segmenter", "kept"}
    for profile, line in params.profiles.items():
        settings = measure.depends_on(line)
        assert settings and settings == {name: line[name] for name in settings}, profile
        named = {"extractor", "segmenter"} & set(measure.inputs)
        assert {"extractor", "segmenter"} & set(settings) == named
    assert isinstance(harness.procedure_of(measure), Procedure)


def test_every_metric_of_the_tables_is_of_a_measure():
    assert {style["file"] for style in load_params(ROOT / "params").metrics.values()} <= set(
        MEASURES
    )


@pytest.mark.parametrize(
    ("what", "segmenter", "message"),
    [
        (
            "beauty",
            "",
            "unknown measure 'beauty': choose one of fidelity, judge, comove, locality, drags",
        ),
        (
            "locality",
            "oracle",
            "measure 'locality' uses no segmenter: leave out --segmenter oracle",
        ),
        (
            "locality",
            "",
            "cat/spatialgan/0.safetensors does not exist: train cat/spatialgan/0 first",
        ),
    ],
)
def test_what_cannot_be_measured_is_one_clear_line(what, segmenter, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = load_params(ROOT / "params")
    with pytest.raises(ValueError, match=message):
        measure_run(params, "smoke", "cat/spatialgan/0", what, segmenter)


def test_the_command_measures_stamps_and_prints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = load_params(ROOT / "params")
    tiny_snapshot(params.results("smoke").run("cat/spatialgan/0").snapshot)
    options = ["-p", "smoke", "--params", str(ROOT / "params")]
    run = CliRunner().invoke(main, ["measure", "cat/spatialgan/0", "--what", "locality", *options])
    assert run.exit_code == 0, run.output
    record = json.loads(params.results("smoke").metric("cat/spatialgan/0", "locality").read_text())
    assert json.loads(run.stdout) == record["metrics"] and record["metrics"]["remove_inside"] > 0
    assert record["made_from"]["settings"] == {"num_comove": 8}
