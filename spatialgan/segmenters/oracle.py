"""The oracle: a segmenter that knows the ground truth of the images it is asked about.

For synthetic renderers it is made from a function, which says the instances of an image; for drawn
scenes it is a table, from the pixels of an image to its instances, in a file.

Shapes: n images, k instances, r pixels per side, d features.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from spatialgan.headers import describing, texts
from spatialgan.segmenters.instances import Instances, trusted
from spatialgan.tensor_file import load_tensors, save_tensors

FORMAT = "spatialgan-oracle-1"


@dataclass(frozen=True)
class Oracle:
    """A segmenter that answers with the truth; exact, hence without weights."""

    answer: Callable[[UInt8[Tensor, "3 r r"]], Instances]
    min_score: float
    name: str = "oracle"
    sha256: str = ""

    def __call__(self, images: UInt8[Tensor, "n 3 r r"]) -> list[Instances]:
        """Return the trusted instances of each image."""
        return [trusted(self.answer(image), self.min_score) for image in images]


def image_key(image: UInt8[Tensor, "3 r r"]) -> str:
    """Return a hash of an image's pixels."""
    return hashlib.sha256(image.cpu().contiguous().numpy().data).hexdigest()


def save_table(
    path: Path, images: UInt8[Tensor, "n 3 r r"], truth: Sequence[Instances], header: Mapping
) -> None:
    """Write the ground truth of n images as the file that `open_oracle` reads."""
    tensors, classes = {}, {}
    for image, found in zip(images, truth, strict=True):
        key = image_key(image)
        tensors |= {f"{key}.masks": found.masks, f"{key}.features": found.features}
        tensors[f"{key}.scores"] = found.scores
        classes[key] = list(found.classes)
    save_tensors(path, tensors, {**header, "format": FORMAT, "images": classes})


def open_oracle(weights: Path, device: str, min_score: float) -> Oracle:
    """Return the oracle of a table; it raises ValueError on an image that the table doesn't hold."""
    tensors, header = load_tensors(weights)
    if header.get("format") != FORMAT:
        raise ValueError(f"{weights} is no oracle's table but holds {header.get('format')!r}")
    with describing(weights, "oracle"):
        classes = {key: texts(header["images"], key) for key in header["images"]}
        for key, names in classes.items():
            _check_entry(tensors, key, len(names))

    def answer(image: UInt8[Tensor, "3 r r"]) -> Instances:
        key = image_key(image)
        if key not in classes:
            raise ValueError(f"{weights} doesn't know an image: an oracle sees only its own scenes")
        parts = (tensors[f"{key}.{name}"].to(device) for name in ("masks", "scores", "features"))
        masks, scores, features = parts
        return Instances(masks, scores, tuple(classes[key]), features)

    return Oracle(answer, min_score)


def _check_entry(tensors: Mapping[str, Tensor], key: str, count: int) -> None:
    """Raise ValueError unless one image's masks, scores and features go together."""
    masks, scores, features = (tensors[f"{key}.{n}"] for n in ("masks", "scores", "features"))
    square = masks.ndim == 3 and masks.shape[1] == masks.shape[2]
    if not square or masks.dtype != torch.bool or features.ndim != 2 or scores.ndim != 1:
        raise ValueError(f"the shapes of image {key} are none of an oracle")
    if {len(masks), len(scores), len(features)} != {count}:
        raise ValueError(f"image {key} has {count} classes and {len(masks)} masks")


def identity_features(count: int) -> torch.Tensor:
    """Return features [count 64] of length 1, instance i's orthogonal to all others' (i < 64)."""
    return torch.eye(64)[torch.arange(count) % 64]
