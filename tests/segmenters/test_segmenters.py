"""SEGMENTERS: the contract of each, the oracle's exactness, and one clear line for what is missing."""

from pathlib import Path

import pytest
import torch

from spatialgan.results import Results
from spatialgan.segmenters.instances import MIN_SCORE, Instances
from spatialgan.segmenters.oracle import Oracle, save_table
from spatialgan.segmenters.registry import SEGMENTERS, open_segmenter, weights_path


def truth(k: int, seed: int, r: int = 16) -> Instances:
    generator = torch.Generator().manual_seed(seed)
    masks = torch.rand(k, r, r, generator=generator) < 0.3
    return Instances(masks, torch.ones(k), tuple("abc"[:k]), torch.eye(3)[:k])


def random_images(n: int, r: int = 16) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 3, r, r), dtype=torch.uint8, generator=generator)


def test_an_unknown_segmenter_is_one_line_that_names_the_valid_ones() -> None:
    with pytest.raises(ValueError, match="unknown segmenter 'yolo': choose one of .*oracle"):
        open_segmenter("yolo", Path("nowhere"), "cpu")


@pytest.mark.parametrize("name", SEGMENTERS)
def test_missing_weights_are_one_line_that_says_how_to_get_them(name: str, tmp_path: Path) -> None:
    path = weights_path(name, Results(tmp_path), "bedroom").with_name("absent")
    how = "get it from https" if SEGMENTERS[name].url else "make it with"
    wanted = f"absent(, the weights of segmenter '{name}',)? is missing: {how}"
    with pytest.raises(ValueError, match=wanted):
        open_segmenter(name, path, "cpu")


def test_an_oracle_made_of_a_function_answers_with_the_truth() -> None:
    oracle = Oracle(lambda image: truth(int(image[0, 0, 0]), 0), MIN_SCORE)
    images = random_images(2)
    images[:, 0, 0, 0] = torch.tensor([2, 0])
    found = oracle(images)
    assert [len(f) for f in found] == [2, 0]
    assert (found[0].masks == truth(2, 0).masks).all()
    assert oracle.name == "oracle" and oracle.sha256 == ""


def test_an_oracles_table_survives_the_disk_and_knows_only_its_images(tmp_path: Path) -> None:
    images, table = random_images(3), [truth(k, k) for k in (2, 0, 3)]
    path = tmp_path / "model.safetensors"
    save_table(path, images, table, {"dataset": "bedroom"})
    oracle = open_segmenter("oracle", path, "cpu")
    for found, wanted in zip(oracle(images.flip(0)), reversed(table), strict=True):
        assert (found.masks == wanted.masks).all() and found.classes == wanted.classes
        assert (found.features == wanted.features).all()
    with pytest.raises(ValueError, match="doesn't know an image"):
        oracle(255 - images)
