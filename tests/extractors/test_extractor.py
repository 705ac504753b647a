"""The scene extractor: what its file says, what it sees, and that its training is repeatable."""

import pytest
import torch

from spatialgan.extractors.corruptions import CORRUPTIONS, GRID, TRAINED
from spatialgan.extractors.network import (
    SceneExtractor,
    load_extractor,
    network_input,
    save_extractor,
    shipped_weights,
)
from spatialgan.extractors.targets import draw_examples
from spatialgan.extractors.training import ExtractorTraining, train_extractor
from spatialgan.tensor_file import load_tensors, tensors_sha256


def random_images(n: int, side: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8, generator=generator)


@pytest.fixture(scope="module")
def shipped() -> tuple[SceneExtractor, dict]:
    return load_extractor(shipped_weights())


def test_shipped_weights_are_small_and_say_what_they_are(shipped) -> None:
    header = shipped[1]
    assert shipped_weights().stat().st_size < 1_000_000
    assert {"format", "features", "input_side", "training", "kinds", "classes"} <= header.keys()
    assert header["kinds"] == ["bedroom", "cat", "church", "face"]
    assert header["corruptions"] == list(TRAINED)
    assert header["held_out"]["scene_accuracy"] > 0.95
    assert header["held_out"]["presence_accuracy"] > 0.9
    assert header["held_out"]["strong_corruption_accuracy"] > 0.6


@pytest.mark.parametrize("side", [16, 32, 48, 64, 100])
def test_features_of_any_size_do_not_depend_on_the_batch(shipped, side: int) -> None:
    images = random_images(7, side)
    together = shipped[0](images)
    alone = torch.cat([shipped[0](image[None]) for image in images])
    assert together.shape == (7, 64) and together.isfinite().all()
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_images_are_averaged_down_and_interpolated_up() -> None:
    images = random_images(2, 64)
    mean = images.float().reshape(2, 3, 32, 2, 32, 2).mean(dim=(3, 5)) / 127.5 - 1
    torch.testing.assert_close(network_input(images), mean)
    ramp = torch.arange(0, 160, 10, dtype=torch.uint8).expand(1, 3, 16, 16)
    steps = network_input(ramp)[..., 1:-1].diff(dim=3) * 127.5
    torch.testing.assert_close(steps, torch.full_like(steps, 5.0), rtol=0, atol=1e-3)
    torch.testing.assert_close(
        network_input(images[..., :32, :32]), images[..., :32, :32] / 127.5 - 1
    )


def test_features_tell_kinds_of_scenes_apart(shipped) -> None:
    examples, _ = draw_examples(seed=77, num_per_kind=12)
    features = shipped[0](examples.images)
    means = torch.stack([features[examples.kinds == kind].mean(dim=0) for kind in range(4)])
    nearest = torch.cdist(features, means).argmin(dim=1)
    assert (nearest == examples.kinds).float().mean() > 0.8


def test_mirroring_moves_the_ground_truth_too() -> None:
    examples, names = draw_examples(seed=3, num_per_kind=1)
    mirrored = examples.mirrored(torch.tensor([True] + [False] * (len(examples) - 1)))
    assert (mirrored.images[0] == examples.images[0].flip(2)).all()
    assert (mirrored.images[1:] == examples.images[1:]).all()
    signs = torch.tensor([1.0, -1.0])
    assert (mirrored.centers[0] == examples.centers[0] * signs).all()
    assert (mirrored.dominant[0] == examples.dominant[0] * signs).all()
    assert examples.presence.shape == (len(examples), len(names))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_grow_with_their_strength_from_nothing(name: str) -> None:
    examples, _ = draw_examples(seed=5, num_per_kind=4)
    images = examples.images.float() / 127.5 - 1
    damage = []
    for strength in (0.0, 0.3, 1.0):
        generator = torch.Generator().manual_seed(0)
        damaged = CORRUPTIONS[name](images, torch.full((len(images),), strength), generator)
        damage.append((damaged - images).abs().mean().item())
    assert damage[0] < 1e-4 < damage[1] < damage[2]


def test_patches_keep_their_pixels() -> None:
    images = random_images(3, 32) / 127.5 - 1
    generator = torch.Generator().manual_seed(0)
    shuffled = CORRUPTIONS["patches"](images, torch.tensor([0.0, 0.5, 1.0]), generator)
    assert (shuffled[0] == images[0]).all() and (shuffled[2] != images[2]).any()
    for before, after in zip(images, shuffled, strict=True):
        assert (before.flatten(1).sort(dim=1).values == after.flatten(1).sort(dim=1).values).all()
    side = 32 // GRID
    moved = (shuffled[1] != images[1]).any(dim=0).reshape(GRID, side, GRID, side).any(3).any(1)
    assert 0.3 < moved.float().mean() < 0.7


@pytest.mark.slow
def test_training_is_a_function_of_the_seed(tmp_path) -> None:
    digests = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        path = tmp_path / f"{name}.safetensors"
        training = ExtractorTraining(
            seed, num_per_kind=6, num_held_out_per_kind=2, steps=3, batch=8
        )
        header = train_extractor(path, training)
        assert header["training"]["seed"] == seed and header["held_out"]
        digests.append(tensors_sha256(load_tensors(path)[0]))
    assert digests[0] == digests[1] != digests[2]


def test_a_file_of_another_format_is_refused_in_one_line(tmp_path) -> None:
    path = tmp_path / "old.safetensors"
    save_extractor(path, SceneExtractor(), {"format": "something-else"})
    with pytest.raises(ValueError, match=r"old\.safetensors.*'something-else'.*retrain"):
        load_extractor(path)
