"""Fidelity over a training: of every kept snapshot and the result, resumed after a kill, and drawn."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from spatialgan.cli.main import main
from spatialgan.evaluation import history
from spatialgan.evaluation.harness import measure_run
from spatialgan.files import file_sha256
from spatialgan.records import read_record, write_record
from spatialgan.reporting.figures import write_figure
from spatialgan.results import Results
from spatialgan.settings.params import Params
from spatialgan.training import loop
from spatialgan.training.processes import Processes
from tests.tiny import ROOT, shipped_params, tiny_archive, tiny_config, tiny_snapshot

pytest.importorskip("torch_fidelity")
pytestmark = pytest.mark.unchecked

RUN = "cat/spatialgan/0"


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder whose results, of profile smoke, have a training that kept two snapshots."""
    folder = tmp_path_factory.mktemp("trained")
    results = Results(folder / "results/smoke")
    tiny_archive(results.root)
    config = tiny_config(kimg=0.032)
    config = replace(config, execution=replace(config.execution, num_snapshots=2, num_grids=0))
    loop.train(loop.TrainingJob(config, results, Processes(), {}))
    return folder


@pytest.fixture
def params(trained, monkeypatch) -> Params:
    """The project's parameters; results are those of the training, and nothing is measured yet."""
    monkeypatch.chdir(trained)
    params = shipped_params()
    for measure in ("history", "fidelity"):
        params.results("smoke").metric(RUN, measure).unlink(missing_ok=True)
    return params


def test_every_kept_snapshot_is_measured_as_the_result_is(params):
    results, line = params.results("smoke"), ["-p", "smoke", "--params", str(ROOT / "params")]
    run = CliRunner().invoke(main, ["measure", RUN, "--what", "history", *line])
    assert run.exit_code == 0, run.output
    record = read_record(results.metric(RUN, "history"))
    assert json.loads(run.stdout) == record["metrics"]
    first, last = record["history"]  # the last one is the result, and measured once
    assert (first["kimg"], last["kimg"]) == (0.016, 0.032)
    assert first["snapshot_sha256"] == file_sha256(results.kept_snapshots()[0])
    assert last["snapshot_sha256"] == record["snapshot_sha256"]
    assert record["protocol"]["num_fake"] == params.profiles["smoke"]["num_fake"]
    assert first["fid"] != last["fid"] == record["metrics"]["fid_last"]
    assert record["metrics"]["fid_best"] == min(first["fid"], last["fid"])
    # the same reals, now from the cache of the first: the numbers are those of `fidelity`
    fidelity = measure_run(params, "smoke", RUN, "fidelity")
    numbers = {name: last[name] for name in fidelity["metrics"]}
    assert numbers == pytest.approx(fidelity["metrics"], rel=1e-6)
    assert record["protocol"] == fidelity["protocol"]
    assert record["metric_ids"] == fidelity["metric_ids"]


def test_a_killed_measurement_goes_on_after_the_last_snapshot(params, monkeypatch):
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return {"fid": float(len(calls)), "precision": 0.5, "recall": 0.5}

    monkeypatch.setattr(history, "compare_images", counted)
    with pytest.raises(KeyboardInterrupt):
        measure_run(params, "smoke", RUN, "history")
    record = measure_run(params, "smoke", RUN, "history")
    assert [point["fid"] for point in record["history"]] == [1.0, 3.0]
    assert len(calls) == 3
    assert record["metrics"] == {"fid_last": 3.0, "fid_best": 1.0, "kimg_best": 0.016}


def test_a_snapshot_of_another_training_is_refused(params):
    path = params.results("smoke").kept_snapshots()[0]
    whole = path.read_bytes()
    tiny_snapshot(path, "sel")
    try:
        with pytest.raises(ValueError, match=f"{path} is of another training"):
            measure_run(params, "smoke", RUN, "history")
    finally:
        path.write_bytes(whole)


def test_a_training_that_kept_none_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = shipped_params().results("smoke")
    files = results.run(RUN)
    tiny_snapshot(files.snapshot)
    files.folder.mkdir(parents=True)
    write_record(files.record, {"snapshot_sha256": file_sha256(files.snapshot)})
    line = ["-p", "smoke", "--params", str(ROOT / "params")]
    run = CliRunner().invoke(main, ["measure", RUN, "--what", "history", *line])
    assert run.exit_code == 1
    (said,) = run.stderr.splitlines()
    assert f"the training of {RUN} kept no snapshots: set num_snapshots in its profile's" in said


def test_the_figure_draws_the_histories_that_there_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = shipped_params()
    with pytest.raises(ValueError, match="no run of this figure has a history yet: spatialgan mea"):
        write_figure(params, "history", "smoke")
    points = [{"kimg": k, "fid": 90.0 / k, "precision": 0.5, "recall": k / 9} for k in (1, 2, 3)]
    path = params.results("smoke").metric("cat/sel/0", "history")
    path.parent.mkdir(parents=True)
    ids = {name: f"scene_{name}64" for name in ("fid", "kid", "precision", "recall")}
    write_record(path, {"history": points, "metric_ids": ids})
    with Image.open(write_figure(params, "history", "smoke")) as picture:
        assert picture.width > 800 and len(picture.convert("RGB").getcolors(1 << 20)) > 20
    write_record(path, {"history": [{"kimg": 1, "fid": "low"}], "metric_ids": ids})
    with pytest.raises(ValueError, match=f"{path}: .*make it again"):
        write_figure(params, "history", "smoke")
    assert "history" not in params.usual_figures
