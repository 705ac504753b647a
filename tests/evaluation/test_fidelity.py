"""Fidelity: what the numbers mean, that they are the snapshot's own, and what a result says."""

import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from spatialgan.data.archive import ImageArchive, write_archive
from spatialgan.drawn import compose
from spatialgan.evaluation import fidelity
from spatialgan.evaluation.fidelity import FIDELITY, ImageRange, compare_images, metric_ids
from spatialgan.evaluation.harness import Setup
from spatialgan.evaluation.measures import MEASURES
from spatialgan.extractors import registry as extractors
from spatialgan.extractors.corruptions import CORRUPTIONS
from spatialgan.extractors.network import load_extractor, save_extractor
from spatialgan.extractors.registry import Extractor, open_extractor
from spatialgan.files import file_sha256
from spatialgan.snapshot import Snapshot, save_snapshot
from spatialgan.training.state import new_state
from tests.tiny import tiny_archive, tiny_config

pytest.importorskip("torch_fidelity")
from torch_fidelity.feature_extractor_base import FeatureExtractorBase

from spatialgan.extractors.fidelity import FidelitySceneExtractor, register

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"


class MeanColor(FeatureExtractorBase):
    """Three features: an image's mean color, exact for images of one color."""

    def __init__(self, name, features_list, **settings) -> None:
        super().__init__(name, features_list)

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return ("color",)

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return "color"

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        return (images.float().mean(dim=(2, 3)),)


@pytest.fixture(scope="module")
def scenes() -> torch.Tensor:
    """Return 240 cats no training has seen, [240 3 32 32]."""
    drawn = [compose("cat", 991, index).image(32) for index in range(240)]
    return torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).contiguous()


def compare(fake: torch.Tensor, real: torch.Tensor) -> dict[str, float]:
    return compare_images(as_range(fake), as_range(real), open_extractor("scene"), "cpu")


def measure(
    snapshot: Path, archive: Path, num_fake: int, output: Path, sample_seed: int = 0
) -> dict:
    inputs = {"archive": ImageArchive(archive), "extractor": open_extractor("scene")}
    settings = {"extractor": "scene", "num_fake": num_fake, "sample_seed": sample_seed}
    setup = Setup(settings, inputs)
    return FIDELITY.measure(MEASURES["fidelity"].code, snapshot, setup, output)


def as_range(images: torch.Tensor) -> ImageRange:
    return ImageRange(lambda start, stop: images[start:stop], len(images), "test")


def damaged(images: torch.Tensor, name: str, strength: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    x = images.float() / 127.5 - 1
    x = CORRUPTIONS[name](x, torch.full((len(x),), strength), generator)
    return ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


@pytest.mark.unchecked  # it comes first, and draws what the others use
def test_identical_sets_are_at_distance_zero(scenes) -> None:
    metrics = compare(scenes, scenes)
    assert abs(metrics["fid"]) < 1e-3
    # the estimator is unbiased for independent sets, so equal ones fall a little below 0
    assert -0.05 < metrics["kid"] <= 0
    assert metrics["precision"] == metrics["recall"] == 1


def test_a_collapsed_generator_is_precise_and_recalls_nothing(scenes) -> None:
    real, other = scenes[:120], scenes[120:]
    one = real[:1].repeat(120, 1, 1, 1)  # a perfect picture, always the same
    metrics = compare(one, real)
    assert metrics["precision"] > 0.99 and metrics["recall"] < 0.05
    assert metrics["fid"] > 5 * compare(other, real)["fid"]


def test_distances_are_symmetric_and_do_not_depend_on_the_batch(scenes, monkeypatch) -> None:
    a, b = damaged(scenes[:120], "noise", 0.5), scenes[120:]
    forward, backward = compare(a, b), compare(b, a)
    monkeypatch.setattr(fidelity, "BATCH", 7)
    small = compare(a, b)
    assert forward["fid"] == pytest.approx(backward["fid"], rel=1e-4)
    assert forward["precision"] == backward["recall"]
    for name in forward:
        assert forward[name] == pytest.approx(small[name], rel=1e-3, abs=1e-4)


def test_fid_at_equal_covariance_is_the_squared_mean_distance() -> None:
    register("test-mean-color", MeanColor)
    trivial = Extractor("trivial", "0" * 64, Path("none"), "test-mean-color", "{metric}{count}")
    generator = torch.Generator().manual_seed(0)
    colors = torch.randint(0, 200, (300, 3, 1, 1), dtype=torch.uint8, generator=generator)
    shift = torch.tensor([10, 20, 30], dtype=torch.uint8).reshape(3, 1, 1)
    a, b = colors.expand(-1, -1, 4, 4), (colors + shift).expand(-1, -1, 4, 4)
    metrics = compare_images(as_range(a), as_range(b), trivial, "cpu")
    assert metrics["fid"] == pytest.approx(10**2 + 20**2 + 30**2, rel=1e-3)


@pytest.mark.parametrize("name", ["blur", "noise", "patches", "halves", "mosaic"])
def test_fid_grows_with_damage_and_is_small_between_halves_of_the_data(scenes, name: str) -> None:
    real, other = scenes[:120], scenes[120:]
    fids = [compare(damaged(other, name, s), real)["fid"] for s in (0.0, 0.4, 1.0)]
    assert fids == sorted(fids)
    assert fids[-1] > 3 * fids[0]


def test_registration_is_idempotent_and_names_the_weights() -> None:
    first, second = open_extractor("scene"), open_extractor("scene")
    assert first == second and first.sha256[:16] in first.registered
    register(first.registered, FidelitySceneExtractor)
    with pytest.raises(AssertionError):
        register(first.registered, MeanColor)


@pytest.fixture
def case(scenes, tmp_path, monkeypatch) -> SimpleNamespace:
    """Return a snapshot that draws blurred cats, an archive of 120 images and where the record goes."""
    fakes = damaged(scenes[120:], "blur", 0.4)

    def sample_images(snapshot: Snapshot, seed: int, start: int, stop: int) -> torch.Tensor:
        return fakes[[(7 * i + seed) % len(fakes) for i in range(start, stop)]]

    monkeypatch.setattr(fidelity, "sample_images", sample_images)
    config = tiny_config("sel")
    generator = new_state(config, torch.device("cpu")).g_ema
    save_snapshot(tmp_path / "generator.safetensors", generator, config, nimg=1500)
    pixels = scenes[:120].permute(0, 2, 3, 1).numpy()
    write_archive(tmp_path / "cat.zip", (np.ascontiguousarray(image) for image in pixels))
    return SimpleNamespace(
        snapshot=tmp_path / "generator.safetensors",
        archive=tmp_path / "cat.zip",
        output=tmp_path / "deep" / "fidelity.json",
    )


def test_a_result_says_what_was_measured_and_is_always_the_same(case, tmp_path) -> None:
    first = measure(case.snapshot, case.archive, 100, case.output)
    assert first == json.loads(case.output.read_text())
    assert first == measure(case.snapshot, case.archive, 100, tmp_path / "again.json")
    assert first["snapshot_sha256"] == file_sha256(case.snapshot)
    assert set(first["metrics"]) == {"fid", "kid", "kid_std", "precision", "recall"}
    assert (first["run"], first["row"], first["dataset"]) == ("cat/sel/0", "sel", "cat")
    assert first["kimg"] == 1.5 and first["seed"] == 0
    protocol = first["protocol"]
    assert protocol["extractor"] == "scene" and len(protocol["extractor_sha256"]) == 64
    assert (protocol["num_real"], protocol["num_fake"]) == (120, 100)
    assert protocol["resize"] == "extractor-internal" and protocol["truncation_psi"] == 1
    assert protocol["noise_mode"] == "random per sample index"
    assert first["metric_ids"]["fid"] == "scene_fid100"


def test_the_protocol_changes_with_the_dataset_and_the_weights(
    case, scenes, tmp_path, monkeypatch
) -> None:
    first = measure(case.snapshot, case.archive, 100, case.output)
    fewer = scenes[:110].permute(0, 2, 3, 1).numpy()
    write_archive(tmp_path / "b.zip", (np.ascontiguousarray(image) for image in fewer))
    other = measure(case.snapshot, tmp_path / "b.zip", 100, case.output)
    assert other["protocol"]["dataset_sha256"] != first["protocol"]["dataset_sha256"]
    assert other["protocol"]["num_real"] == 110
    network, header = load_extractor(extractors.shipped_weights())
    network.conv32.bias.add_(0.1)
    weights = tmp_path / "retrained.safetensors"
    save_extractor(weights, network, header)
    monkeypatch.setattr(extractors, "shipped_weights", lambda: weights)
    third = measure(case.snapshot, case.archive, 100, case.output)
    assert third["protocol"]["extractor_sha256"] != first["protocol"]["extractor_sha256"]
    assert third["metrics"]["fid"] != first["metrics"]["fid"]


def test_a_snapshot_has_one_fid_whatever_the_batch(tmp_path, monkeypatch) -> None:
    config = tiny_config("sel")
    state = new_state(config, torch.device("cpu"))
    snapshot = tmp_path / "generator.safetensors"
    save_snapshot(snapshot, state.g_ema, config, nimg=1500)
    archive = tiny_archive(tmp_path, num=30).archive
    results = []
    for batch, seed in ((64, 0), (7, 0), (7, 1)):
        monkeypatch.setattr(fidelity, "BATCH", batch)
        results.append(measure(snapshot, archive, 20, tmp_path / "fidelity.json", seed))
    first, small, other = (result["metrics"]["fid"] for result in results)
    assert first == pytest.approx(small, rel=1e-3) != pytest.approx(other, rel=1e-3)
    assert results[0]["kimg"] == 1.5 and results[0]["run"] == config.name


def test_metric_ids_say_extractor_and_count() -> None:
    scene = open_extractor("scene")
    assert metric_ids(scene, 5000)["fid"] == "scene_fid5k"
    paper = Extractor(
        "inception-v3-compat", "", Path(), "inception-v3-compat", "{metric}{count}_full"
    )
    assert metric_ids(paper, 50000)["fid"] == "fid50k_full"
    assert metric_ids(scene, 64)["kid"] == "scene_kid64"


def test_too_few_images_are_refused(case) -> None:
    with pytest.raises(ValueError, match="at least 10"):
        measure(case.snapshot, case.archive, 5, case.output)


def test_missing_or_wrong_inception_weights_are_one_clear_line(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SPATIALGAN_WEIGHTS", str(tmp_path))
    with pytest.raises(ValueError) as missing:
        open_extractor("inception")
    (tmp_path / INCEPTION_FILE).write_bytes(b"not the weights")
    with pytest.raises(ValueError) as wrong:
        open_extractor("inception")
    for message in (str(missing.value), str(wrong.value)):
        assert str(tmp_path / INCEPTION_FILE) in message
        assert extractors.INCEPTION_URL in message and "\n" not in message
    assert "is missing" in str(missing.value) and "sha256" in str(wrong.value)


def test_unknown_extractors_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="scene, inception"):
        open_extractor("clip")


@pytest.mark.parametrize("module", [extractors, fidelity])
def test_without_torch_fidelity_modules_import_and_say_what_to_install(module, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)  # importing it fails
    monkeypatch.delitem(sys.modules, "spatialgan.extractors.fidelity")
    runpy.run_path(module.__file__)
    with pytest.raises(ValueError, match=r"spatialgan\[workflow\]") as refusal:
        open_extractor("scene")
    assert "\n" not in str(refusal.value)
