"""PERCEPTUAL: how different two images look to a network, which tolerates shifts of a pixel.

A network's maps at several depths are compared as in LPIPS [Zhang et al., 2018, Eq. 1] with equal weights for all channels:
each pixel's features are scaled to length 1, and squared differences are summed over channels and averaged over
pixels and depths. Every number says which network it was measured with.

To add one, write a function that returns a ready Perceptual, and give it a key.

Shapes: n images, c channels, h w cells of a map, r resolution.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from spatialgan.extractors import efficientnet as lite0
from spatialgan.extractors.network import INPUT_SIDE, load_extractor, resized, shipped_weights
from spatialgan.files import file_sha256
from spatialgan.variants import choose

PERCEPTUAL_NAME = "scene"  # the default key of PERCEPTUAL
LITE0_SIDE = 96  # pixels per side at which EfficientNet-Lite0 sees an image here
# Blocks, counted from 0, whose outputs are compared: 1/2 to 1/16 of a side
LITE0_TAPS = (0, 2, 4, 7)
EPSILON = 1e-8  # of a feature's squared length

Maps = Sequence[Float[Tensor, "_ _ _ _"]]  # n c h w, each map with a c, h and w of its own


@dataclass(frozen=True)
class Perceptual:
    """A network that compares images."""

    name: str  # a key of PERCEPTUAL
    sha256: str  # of its weights' file; "" where there is none
    maps: Callable[[Float[Tensor, "n 3 r r"]], Maps]  # of images in about [-1, 1], differentiable

    def features(self, images: Float[Tensor, "n 3 r r"]) -> list[Float[Tensor, "n _ _ _"]]:
        """Return the maps of images, each cell's features scaled to length 1."""
        return [
            x * torch.rsqrt(x.square().sum(dim=1, keepdim=True) + EPSILON)
            for x in self.maps(images)
        ]


def distance(a: Maps, b: Maps) -> Float[Tensor, " _"]:
    """Return how far the images of two lists of `Perceptual.features` are apart; 0 without maps.

    A list of a single image is compared with all of the other's.
    """
    squares = [(x - y).square().sum(dim=1).mean(dim=(1, 2)) for x, y in zip(a, b, strict=True)]
    return torch.stack(squares).mean(dim=0) if squares else torch.zeros(1)


def scene() -> Perceptual:
    """Return the scene feature extractor, which ships with the code; it sees 32 pixels per side."""
    weights = shipped_weights()
    network, _ = load_extractor(weights)

    def maps(images: Float[Tensor, "n 3 r r"]) -> Maps:
        x32 = F.relu(network.conv32(resized(images, INPUT_SIDE)))
        x16 = F.relu(network.conv16b(F.relu(network.conv16(x32))))
        x8 = F.relu(network.conv8b(F.relu(network.conv8(x16))))
        return x32, x16, x8, F.relu(network.conv4(x8))

    return Perceptual("scene", file_sha256(weights), maps)


def efficientnet() -> Perceptual:
    """Return EfficientNet-Lite0, trained on ImageNet: the extra `judge`. Raises ValueError if it is missing."""
    weights = lite0.weights_file()
    network = lite0.load_efficientnet(weights)

    def maps(images: Float[Tensor, "n 3 r r"]) -> Maps:
        levels = (resized(images, LITE0_SIDE) + 1) * 127.5
        x = F.relu6(network._bn0(network._conv_stem((levels - lite0.MEAN) / lite0.SCALE)))
        found = []
        for block in list(network._blocks)[: max(LITE0_TAPS) + 1]:
            x = block(x)
            found.append(x)
        return [found[tap] for tap in LITE0_TAPS]

    return Perceptual("efficientnet", lite0.SHA256, maps)


def none() -> Perceptual:
    """Return a network that sees no difference, so that only pixels count."""
    return Perceptual("none", "", lambda images: ())


def open_perceptual(name: str) -> Perceptual:
    """Return a ready network; raises ValueError if the name is unknown or what it needs is missing."""
    return choose(PERCEPTUAL, "perceptual distance", name)()


PERCEPTUAL: dict[str, Callable[[], Perceptual]] = {
    "scene": scene,
    "efficientnet": efficientnet,
    "none": none,
}
