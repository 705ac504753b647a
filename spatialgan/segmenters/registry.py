"""SEGMENTERS: what finds the objects in an image.

A segmenter is called with uint8 images and returns each one's trusted `Instances`. Those named after their
library alone are trained by the rule `segmenter` on the drawn scenes of a data set; the others have published weights
(see spatialgan/published.py). To add one, write a function `(weights, device, min_score) -> Segmenter` and give it a
key; trainable ones also need theirs in TRAINERS, in training.py, and in TRAINED_SEGMENTERS, in upkeep/graph.py.

Shapes: n images, r pixels per side.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from jaxtyping import UInt8
from torch import Tensor

from spatialgan.published import check_present, published_path
from spatialgan.results import Results
from spatialgan.segmenters.instances import MIN_SCORE, Instances
from spatialgan.variants import choose


@runtime_checkable
class Segmenter(Protocol):
    """What finds instances, and what a result says about it."""

    @property
    def name(self) -> str:  # pyright: ignore[reportReturnType]
        """Return its key in SEGMENTERS."""

    @property
    def sha256(self) -> str:  # pyright: ignore[reportReturnType]
        """Return the hash of its weights file, "" for the oracle."""

    def __call__(self, images: UInt8[Tensor, "n 3 r r"]) -> list[Instances]:  # pyright: ignore[reportReturnType]
        """Return each image's trusted instances, on the segmenter's device."""


@dataclass(frozen=True)
class Kind:
    """How a segmenter is opened, and where its weights are published (TRAINED where it is trained)."""

    open: Callable[[Path, str, float], Segmenter]
    url: str


TRAINED = ""


def open_segmenter(
    name: str, weights: Path, device: str, min_score: float = MIN_SCORE
) -> Segmenter:
    """Return a ready segmenter that trusts instances of at least `min_score`.

    Raises ValueError, in one line, if it is unknown, or its weights or library are missing.
    """
    kind = choose(SEGMENTERS, "segmenter", name)
    if kind.url:
        check_present(weights, kind.url)
    elif not weights.is_file():
        raise ValueError(
            f"{weights}, the weights of segmenter '{name}', is missing: make it with snakemake {weights}"
        )
    return kind.open(weights, device, min_score)


def weights_path(name: str, results: Results, dataset: str) -> Path:
    """Return where a segmenter's weights are: among the results if it is trained, else with the published ones."""
    url = choose(SEGMENTERS, "segmenter", name).url
    if not url:
        return results.segmenter(dataset, name).weights
    return published_path(url)


def _oracle(weights: Path, device: str, min_score: float) -> Segmenter:
    from spatialgan.segmenters.oracle import open_oracle

    return open_oracle(weights, device, min_score)


def _torchvision(weights: Path, device: str, min_score: float) -> Segmenter:
    from spatialgan.segmenters.mask_rcnn import open_trained

    return open_trained(weights, device, min_score)


def _torchvision_coco(weights: Path, device: str, min_score: float) -> Segmenter:
    from spatialgan.segmenters.mask_rcnn import open_published

    return open_published(weights, device, min_score)


def _detectron2(weights: Path, device: str, min_score: float) -> Segmenter:
    from spatialgan.segmenters.detectron import open_trained

    return open_trained(weights, device, min_score)


def _detectron2_coco(weights: Path, device: str, min_score: float) -> Segmenter:
    from spatialgan.segmenters.detectron import COCO, open_published

    return open_published("detectron2_coco", COCO, weights, device, min_score)


def _detectron2_lvis(weights: Path, device: str, min_score: float) -> Segmenter:
    from spatialgan.segmenters.detectron import LVIS, open_published

    return open_published("detectron2_lvis", LVIS, weights, device, min_score)


SEGMENTERS: dict[str, Kind] = {
    "torchvision": Kind(_torchvision, TRAINED),
    "torchvision_coco": Kind(
        _torchvision_coco,
        "https://download.pytorch.org/models/maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",
    ),
    "detectron2": Kind(_detectron2, TRAINED),
    "detectron2_coco": Kind(
        _detectron2_coco,
        "https://dl.fbaipublicfiles.com/detectron2/COCO-InstanceSegmentation/"
        "mask_rcnn_R_50_FPN_3x/137849600/model_final_f10217.pkl",
    ),
    "detectron2_lvis": Kind(
        _detectron2_lvis,
        "https://dl.fbaipublicfiles.com/detectron2/LVISv0.5-InstanceSegmentation/"
        "mask_rcnn_R_50_FPN_1x/144219072/model_final_571f7c.pkl",
    ),
    "oracle": Kind(_oracle, TRAINED),
}
