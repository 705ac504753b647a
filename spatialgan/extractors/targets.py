"""What the scene extractor is taught: drawings with their ground truth as tensors.

Instances of one class in one drawing (two ears) count as one: the union of their masks, the mean of
their centers.

Shapes: n drawings, k classes (names of objects and parts over all kinds of drawings), r pixels.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from tqdm import tqdm

from spatialgan import drawn
from spatialgan.drawn.canvas import Drawing
from spatialgan.extractors.network import INPUT_SIDE


@dataclass(frozen=True)
class Examples:
    """Drawings and what is true of them; coordinates are (y, x) in [-1, 1]."""

    images: UInt8[Tensor, "n 3 32 32"]
    kinds: Int[Tensor, " n"]  # index into the sorted names of drawn.DRAWINGS
    presence: Bool[Tensor, "n k"]  # whether a pixel of the class is seen
    areas: Float[Tensor, "n k"]  # square root of the fraction of the picture it covers
    centers: Float[Tensor, "n k 2"]  # of the whole objects, seen or not; 0 where absent
    colors: Float[Tensor, "n k 3"]  # mean over its pixels, in [-1, 1]; 0 where absent
    dominant: Float[Tensor, "n 2"]  # center of the whole object that covers most pixels

    def __getitem__(self, index: Int[Tensor, " m"]) -> "Examples":
        """Return the chosen drawings."""
        fields = dataclasses.fields(self)
        return Examples(*(getattr(self, field.name)[index] for field in fields))

    def __len__(self) -> int:
        return len(self.images)

    def mirrored(self, flip: Bool[Tensor, " n"]) -> "Examples":
        """Return the drawings with the chosen ones mirrored left to right, ground truth included."""
        sign = torch.stack([torch.ones(len(flip)), 1 - 2 * flip.float()], dim=1)
        images = torch.where(flip[:, None, None, None], self.images.flip(3), self.images)
        centers, dominant = self.centers * sign[:, None], self.dominant * sign
        return dataclasses.replace(self, images=images, centers=centers, dominant=dominant)


def draw_examples(seed: int, num_per_kind: int) -> tuple[Examples, tuple[str, ...]]:
    """Return the first drawings of every kind's series `seed`, and the names of the k classes."""
    kinds = sorted(drawn.DRAWINGS)
    jobs = [(kind, index) for index in range(num_per_kind) for kind in kinds]
    bar = tqdm(jobs, desc="drawing", unit="img", disable=None)
    found = [_statistics(drawn.draw(kind, seed, index, INPUT_SIDE)) for kind, index in bar]
    names = tuple(sorted({name for _, classes, _ in found for name in classes}))
    table = np.zeros((len(found), len(names), 7), dtype=np.float32)
    for number, (_, classes, _) in enumerate(found):
        for name, numbers in classes.items():
            table[number, names.index(name)] = numbers
    examples = Examples(
        images=torch.from_numpy(np.stack([image for image, _, _ in found])),
        kinds=torch.tensor([kinds.index(kind) for kind, _ in jobs]),
        presence=torch.from_numpy(table[:, :, 0] > 0),
        areas=torch.from_numpy(table[:, :, 1]),
        centers=torch.from_numpy(table[:, :, 2:4]),
        colors=torch.from_numpy(table[:, :, 4:7]),
        dominant=torch.tensor([center for _, _, center in found], dtype=torch.float32),
    )
    return examples, names


def _statistics(drawing: Drawing) -> tuple[np.ndarray, dict[str, list[float]], tuple[float, float]]:
    """Return the image, (presence, area, y, x, r, g, b) of each class, and the dominant center."""
    classes = {}
    for name in sorted({instance.name for instance in drawing.instances}):
        same = [instance for instance in drawing.instances if instance.name == name]
        mask = np.any([instance.mask for instance in same], axis=0)
        if mask.any():
            center = np.mean([instance.center for instance in same], axis=0)
            color = drawing.image[mask].mean(axis=0) / 127.5 - 1
            classes[name] = [1.0, float(np.sqrt(mask.mean())), *center.tolist(), *color.tolist()]
    whole = [instance for instance in drawing.instances if not instance.owner]
    dominant = max(whole, key=lambda instance: int(instance.mask.sum()))
    return drawing.image.transpose(2, 0, 1).copy(), classes, dominant.center
