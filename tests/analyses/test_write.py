"""Every analysis of params/analyses.yaml in miniature: files, evidence of every run, controls, and what is refused."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from spatialgan.analyses import (
    consistency,
    continuity,
    controls,
    fates,
    levels,
    parts,
    pixels,
    requests,
)
from spatialgan.analyses.findings import Number
from spatialgan.analyses.requests import Request, Subject
from spatialgan.analyses.verdicts import Bound
from spatialgan.analyses.write import write_analysis
from spatialgan.evaluation import bootstrap
from spatialgan.files import file_sha256
from spatialgan.records import read_record
from spatialgan.segmenters.instances import MIN_SCORE, Instances
from spatialgan.segmenters.oracle import Oracle
from spatialgan.settings.config import resolve
from spatialgan.settings.params import Params, load_params
from spatialgan.snapshot import save_snapshot
from spatialgan.tensor_file import save_tensors
from spatialgan.training import loop
from spatialgan.training.state import new_state
from tests.tiny import ROOT, tiny_archive

NUM = 8  # samples
KIMG = 0.064  # of trainings, which are eight steps
pytestmark = pytest.mark.unchecked  # thousands of small maps
SLOW = (
    "attention",
    "robustness",
    "consistency",
    "continuity",
    "levels",
    "fates",
)  # their parts are tested by themselves
NAMES = list(load_params(ROOT / "params").analyses)


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Return the parameters, in an empty folder with a copy of them; the network of parts is hardly trained."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "params", "params")
    found = load_params()
    for item in found.analyses.values():
        item["num"] = NUM
        dataset, rows = next(iter(item["subjects"].items()))
        item["subjects"] = {dataset: rows[:2]}
        if "kimg" in item:
            item["kimg"] = KIMG
    monkeypatch.setattr(parts, "NUM_TRAINED", 24)
    monkeypatch.setattr(parts, "NUM_TESTED", 4)
    monkeypatch.setattr(parts, "STEPS", 20)
    monkeypatch.setattr(pixels, "MAX_STEPS", 3)
    monkeypatch.setattr(fates, "LEAST", 3)
    monkeypatch.setattr(continuity, "NUM_RESAMPLES", 5)
    monkeypatch.setattr(requests, "NUM_UNTRAINED", 2)
    monkeypatch.setattr(controls, "NUM_RESAMPLES", 50)
    monkeypatch.setattr(bootstrap, "NUM_RESAMPLES", 50)
    parts.open_parser.cache_clear()
    yield found
    parts.open_parser.cache_clear()


def make_run(params: Params, run: str) -> None:
    """Write snapshot, record and last checkpoint of a run that was never trained."""
    config, results = resolve(params, run, "smoke"), params.results("smoke")
    state = new_state(config, torch.device("cpu"))
    draws = torch.Generator().manual_seed(0)
    for tensor in state.d.state_dict().values():  # the trained D is another one than the untrained
        tensor += 0.1 * torch.randn(tensor.shape, generator=draws)
    for name, parameter in state.g_ema.named_parameters():
        if name.endswith("noise_strength"):
            parameter.data.fill_(0.3)
    save_snapshot(results.run(run).snapshot, state.g_ema, config, 64)
    tensors = {f"d.{name}": t for name, t in state.d.state_dict().items()}
    tensors |= {f"g_ema.{name}": t for name, t in state.g_ema.state_dict().items()}
    folder = results.resume(run) / "key"
    state_of = {"counters": {"cur_nimg": 64}, "fixed": {"identity": config.identity()}}
    header = {"kind": "checkpoint", **state_of}
    save_tensors(folder / "checkpoint-000000000064.safetensors", tensors, header)


def whole_image(image: torch.Tensor) -> Instances:
    """Return one object that fills an image."""
    mask = torch.ones(1, *image.shape[1:]).bool()
    return Instances(mask, torch.ones(1), ("bed",), torch.ones(1, 1))


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in NAMES]
)
def test_every_analysis_leaves_numbers_page_and_picture(
    params: Params, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = params.analysis(name)
    runs = params.subjects(item, "smoke")
    for run in runs:
        make_run(params, run)
    if "kimg" in item:
        tiny_archive(params.results("smoke").root)
    monkeypatch.setattr(Subject, "segmenter", lambda subject: Oracle(whole_image, MIN_SCORE))
    record = read_record(write_analysis(params, name, "smoke"))
    assert set(record["snapshots"]) == set(runs)
    page = params.results("smoke").analysis(name, ".md").read_text()
    assert item["paper"] in page and item["doubt"] in page and f"({name}.png)" in page
    assert "nan" not in page
    cells = [
        number
        for table in record["tables"].values()
        for row in table["rows"].values()
        for number in row.values()
    ]
    assert cells and all(one["low"] <= one["value"] <= one["high"] for one in cells)
    shown = Image.open(params.results("smoke").analysis(name, ".png"))
    assert min(shown.size) > 96 and len(set(shown.convert("L").tobytes())) > 20
    assert set(record["evidence"]) <= set(params.claims_of(name))
    claimed = {run for run in runs if run.split("/")[1] not in item.get("controls", [])}
    for found in record["evidence"].values():
        assert set(found) <= claimed
    if name in ("attention", "robustness"):  # D before its training stands beside the trained one
        rows = record["tables"]["entropy" if name == "attention" else "clean, deviation"]["rows"]
        assert rows["cat/baseline/0"] != rows["cat/baseline/0, untrained"]


def test_what_is_missing_is_said_in_one_line(params: Params) -> None:
    with pytest.raises(
        ValueError, match=r"0.safetensors does not exist: train cat/baseline/0 first"
    ):
        write_analysis(params, "attention", "smoke")
    for run in params.subjects(params.analysis("attention"), "smoke"):
        make_run(params, run)
    results = params.results("smoke")
    (checkpoint,) = results.checkpoints("cat/baseline/0")
    (other,) = results.checkpoints("cat/sel/0")
    checkpoint.write_bytes(other.read_bytes())  # of another training
    with pytest.raises(
        ValueError, match="cat/baseline/0: the discriminator .* is not here"
    ) as said:
        write_analysis(params, "attention", "smoke")
    assert "\n" not in str(said.value)
    with pytest.raises(ValueError, match="unknown analysis 'attentoin': choose one of attention"):
        write_analysis(params, "attentoin", "smoke")


def test_evidence_of_a_claim_that_nobody_listed_is_refused(params: Params) -> None:
    for run in params.subjects(params.analysis("heatmap_pixels"), "smoke"):
        make_run(params, run)
    del params.claims["pixels_few"]
    with pytest.raises(ValueError, match="has no claim pixels_few"):
        write_analysis(params, "heatmap_pixels", "smoke")


def test_one_level_moves_and_the_others_stay(params: Params) -> None:
    make_run(params, "cat/spatialgan/0")
    subject = Subject("cat/spatialgan/0", "", params.results("smoke"))
    layout = subject.config.sampling(3, torch.Generator().manual_seed(0))
    offsets = levels.draw_offsets(3)
    assert offsets.norm(dim=1).numpy() == pytest.approx(levels.LENGTH)
    moved = levels.move_level(layout, 1, offsets)
    for number, (old, new) in enumerate(zip(layout.levels, moved.levels, strict=True)):
        shift = (new.centers - old.centers).transpose(0, 1)
        expected = offsets if number == 1 else offsets * 0
        torch.testing.assert_close(shift, expected.expand_as(shift))
    assert Request((subject,), params.analysis("levels")).num == NUM


def test_a_profile_may_have_rows_of_its_own(params: Params) -> None:
    item = params.analysis("generator_features")
    assert params.subjects_in(item, "laptop") == item["subjects"]
    assert params.subjects(item, "flagship") == ["cat/narrow/0", "bedroom/indoor_weight1/0"]
    item["subjects_in"] = {"smoke": {"cat": ["baseline"]}}
    make_run(params, "cat/baseline/0")
    record = read_record(write_analysis(params, "generator_features", "smoke"))
    snapshot = params.results("smoke").run("cat/baseline/0").snapshot
    assert record["snapshots"] == {"cat/baseline/0": file_sha256(snapshot)}
    page = params.results("smoke").analysis("generator_features", ".md").read_text()
    assert "Trained, in kimg: cat/baseline/0 for 0.064." in page


def test_pages_say_what_the_numbers_say(params: Params) -> None:
    item = params.analysis("heatmap_pixels")
    for run in params.subjects(item, "smoke"):
        make_run(params, run)
    path = write_analysis(params, "heatmap_pixels", "smoke")
    record = json.loads(path.read_text())
    number = Number(**record["evidence"]["pixels_one_level"]["cat/spatialgan/0"])
    shares = {
        method: record["tables"]["largest"]["rows"][f"cat/spatialgan/0, latent+{method}"]["share"]
        for method in ("pixels", "centers")
    }
    difference = shares["pixels"]["value"] - shares["centers"]["value"]  # the control is subtracted
    assert number.value == pytest.approx(difference)
    page = path.with_suffix(".md").read_text()
    (line,) = (x for x in page.splitlines() if x.startswith("| share of the change in the level"))
    assert re.search(rf"\| +above 0 \| +{re.escape(number.text())} \|$", line)
    said = Bound(0).of_model(number)
    claim = "Free heatmap pixels change mostly in one level (v2 Fig. 12)"
    assert f"- {claim}: {said} in cat/spatialgan/0." in page.replace("\\", "")


def test_a_run_that_is_trained_again_is_the_same(params: Params) -> None:
    results = params.results("smoke")
    tiny_archive(results.root)
    config = resolve(params, "cat/baseline/0", "smoke")
    assert config.training.kimg == KIMG
    loop.train(loop.TrainingJob(config, results, made_from={}, processes=loop.Processes()))
    subject = Subject(config.name, "", results)
    points = consistency.train_again(subject, KIMG, NUM)
    assert [point.kimg for point in points] == [
        f * KIMG for f in (0, *[1 / 8] * 3, 1 / 4, 1 / 2, 3 / 4, 1)
    ]
    last = subject.discriminator.state_dict()  # out of the checkpoint
    for point, is_end in ((points[0], False), (points[-1], True)):
        same = all(tensor.equal(last[name]) for name, tensor in point.d.state_dict().items())
        assert same == is_end
    torch.testing.assert_close(points[-1].samples, subject.images(NUM).clamp(-1, 1))
