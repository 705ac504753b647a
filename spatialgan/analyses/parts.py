"""Which part of the object each pixel of an image shows, by a small network that is trained on drawings on the spot.

Segmenters (spatialgan/segmenters) find whole objects. This network finds ears and eyes in a generated image. It is
trained in a minute on drawn scenes, some of them damaged as a generator's images are, and first reports how well it
finds each part in scenes that it has not seen.

Shapes: n images, r pixels along an axis, p classes of pixels (the first is the background).
"""

import functools
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from spatialgan import drawn
from spatialgan.analyses.findings import Table, exactly, mean_of
from spatialgan.drawn.canvas import Drawing
from spatialgan.extractors.corruptions import CORRUPTIONS
from spatialgan.heatmaps.layout import pixel_positions
from spatialgan.rng import generator_for

FIRST_INDEX = 20_000_000  # of scenes that no data set and no analysis holds
NUM_TRAINED, NUM_TESTED = 1000, 100  # scenes
STEPS, BATCH, LEARNING_RATE = 400, 16, 5e-3
WIDTHS = (16, 24, 32)  # channels at full, half and quarter resolution
DAMAGES = (("blur", 0.35), ("noise", 0.15), ("warp", 0.5))  # of CORRUPTIONS, and how strong at most
BACKGROUND = "background"
LEAST_AREA = 0.002  # of a part that is found, as a fraction of the image


class PartNet(nn.Module):
    """images [n 3 r r] in [-1, 1] -> logits [n p r r]: a U-Net of three resolutions."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        a, b, c = WIDTHS
        self.down = nn.ModuleList([_block(3, a), _block(a, b), _block(b, c)])
        self.up = nn.ModuleList([_block(c + b, b), _block(b + a, a)])
        self.out = nn.Conv2d(a, num_classes, 1)

    def forward(self, images: Float[Tensor, "n 3 r r"]) -> Float[Tensor, "n p r r"]:
        """Return the logits of each class at each pixel."""
        seen = [self.down[0](images)]
        for block in list(self.down)[1:]:
            seen.append(block(F.avg_pool2d(seen[-1], 2)))
        x = seen.pop()
        for block in self.up:
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0), seen.pop()], dim=1))
        return self.out(x)


def _block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1),
        nn.BatchNorm2d(after),
        nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


@dataclass(frozen=True)
class Parser:
    """A trained network with the names of its classes, and how well it does on new scenes."""

    net: nn.Module  # images to logits, as PartNet
    names: tuple[str, ...]  # the background first
    iou: dict[str, float]  # intersection over union on new drawings: whole objects, and each class

    @torch.no_grad()
    def __call__(self, images: Float[Tensor, "n 3 r r"]) -> Float[Tensor, "n p r r"]:
        """Return the probability of each class at each pixel."""
        return self.net(images).softmax(dim=1)

    def whole(self, images: Float[Tensor, "n 3 r r"]) -> Float[Tensor, "n r r"]:
        """Return 1 where a pixel more probably shows an object than the background, else 0."""
        return (self(images)[:, 0] < 0.5).float()

    def put_skill(self, skill: Table, dataset: str) -> None:
        """Put how well the network does on new drawings into a table, in the row of its kind of scenes."""
        for name, value in self.iou.items():
            if name != BACKGROUND:
                skill.put(dataset, name, exactly(value))

    def put_frame(
        self,
        frame: Table,
        row: str,
        drawn_masks: Float[Tensor, "m r r"],
        images: Float[Tensor, "n 3 r r"],
    ) -> None:
        """Put into a table how much of the frame objects fill in drawings, and in images by what the network finds."""
        frame.put(row, "drawings", mean_of(drawn_masks.mean((1, 2)).double().numpy()))
        found = self.whole(images).mean((1, 2)).double().numpy()
        frame.put(row, "found in generated images", mean_of(found))

    def centers(self, images: Float[Tensor, "n 3 r r"]) -> dict[str, Float[Tensor, "n 2"]]:
        """Return the mean (y, x) of each part in [-1, 1], weighted by its probability; NaN if there is none."""
        seen = self(images)
        axis = pixel_positions(images.shape[-1], "half_pixel", seen)
        found = {}
        for name, weights in zip(self.names[1:], seen[:, 1:].unbind(1), strict=True):
            total = weights.sum(dim=(1, 2))
            center = torch.stack([weights.sum(2) @ axis, weights.sum(1) @ axis], dim=1)
            is_there = weights.gt(0.5).float().mean(dim=(1, 2)) > LEAST_AREA
            found[name] = torch.where(is_there[:, None], center / total[:, None], torch.nan)
        return found


def labels(drawing: Drawing, names: tuple[str, ...]) -> Int[np.ndarray, "r r"]:
    """Return the class of each pixel: that of the innermost part which covers it."""
    found = np.zeros(drawing.image.shape[:2], dtype=np.int64)
    for instance in drawing.instances:  # a part comes after what it is a part of
        if instance.name in names:
            found[instance.mask] = names.index(instance.name)
    return found


def skill_tables() -> tuple[Table, Table]:
    """Return two empty tables that every analysis shows which uses a parser: `put_skill`'s and `put_frame`'s."""
    skill = Table(
        "IoU of the network that finds the parts, on new drawings; how well it does in generated images is not known"
    )
    frame = Table(
        "Share of the frame that objects fill; if it is another one in generated images, the network finds there what is"
        " no object, or the objects are others"
    )
    return skill, frame


@functools.cache
def open_parser(scene: str, resolution: int) -> Parser:
    """Return a parser of drawn scenes of a kind, newly trained: every call gives the same weights."""
    num = NUM_TRAINED
    indices = range(FIRST_INDEX, FIRST_INDEX + num + NUM_TESTED)
    drawings = [drawn.draw(scene, 0, i, resolution) for i in indices]
    seen = dict.fromkeys(one.name for drawing in drawings for one in drawing.instances)
    names = (BACKGROUND, *seen)
    images = torch.from_numpy(np.stack([d.image for d in drawings])).permute(0, 3, 1, 2)
    images = images.float() / 127.5 - 1
    targets = torch.from_numpy(np.stack([labels(d, names) for d in drawings]))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        net = PartNet(len(names))
    _train(net, images[:num], targets[:num])
    found = net(images[num:]).argmax(dim=1)
    return Parser(net, names, _iou(found, targets[num:], names))


def _train(net: PartNet, images: Float[Tensor, "n 3 r r"], targets: Int[Tensor, "n r r"]) -> None:
    draws = generator_for(0, "parts", 0)
    optimizer = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for step in range(STEPS):
        chosen = torch.randint(len(images), (BATCH,), generator=draws)
        name, limit = DAMAGES[step % len(DAMAGES)]
        strength = torch.rand(BATCH, generator=draws) * limit
        strength = strength * (torch.rand(BATCH, generator=draws) < 0.5)
        pixels, classes = images[chosen], targets[chosen]
        if name == "warp":  # which displaces parts too
            layers = F.one_hot(classes, net.out.out_channels).permute(0, 3, 1, 2).float()
            pixels, classes = _warped(pixels, layers, strength, draws)
        else:
            pixels = CORRUPTIONS[name](pixels, strength, draws)
        loss = F.cross_entropy(net(pixels), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        falling.step()
    net.eval().requires_grad_(False)


def _warped(
    pixels: Float[Tensor, "n 3 r r"],
    layers: Float[Tensor, "n p r r"],
    strength: Float[Tensor, " n"],
    draws: torch.Generator,
) -> tuple[Float[Tensor, "n 3 r r"], Int[Tensor, "n r r"]]:
    """Return images and classes, displaced in the same way."""
    state = draws.get_state()
    moved = CORRUPTIONS["warp"](pixels, strength, draws)
    found = []
    for three in F.pad(layers, (0, 0, 0, 0, 0, -layers.shape[1] % 3)).split(3, dim=1):
        same = torch.Generator()
        same.set_state(state)
        found.append(CORRUPTIONS["warp"](three, strength, same))
    return moved, torch.cat(found, dim=1).argmax(dim=1)


def _iou(
    found: Int[Tensor, "n r r"], truth: Int[Tensor, "n r r"], names: tuple[str, ...]
) -> dict[str, float]:
    """Return it for whole objects and for each class that has a pixel per image at least; of others it says nothing."""
    kinds = {"object": (found > 0, truth > 0)}
    kinds |= {name: (found == i, truth == i) for i, name in enumerate(names)}
    return {
        name: float((mine & true).sum() / (mine | true).sum())
        for name, (mine, true) in kinds.items()
        if true.sum() >= len(truth)
    }
