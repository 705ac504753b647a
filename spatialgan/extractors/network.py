"""The scene feature extractor: a small network that stands in for Inception on drawn scenes.

It sees any image at 32 x 32 pixels (area average down, bilinear up, inside the network, so nobody
can resize differently) and returns 64 features. They hold what is in a scene, where, in which
colors and how cleanly: the finer blocks are averaged over the image (texture), the coarsest keeps
its 4 x 4 grid (pose). Features have mean 0 and variance 1 over clean and damaged scenes together,
which sets the unit of the distances measured with them. The weights ship with the code;
`spatialgan extractor` retrains them.

Shapes: n images, h w pixels.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from spatialgan.headers import describing, filled
from spatialgan.tensor_file import halved, load_tensors, save_tensors

INPUT_SIDE = 32  # pixels per side the network sees
NUM_FEATURES = 64
GRID_SIDE = 4  # cells per side of the coarsest block
FORMAT = "spatialgan-scene-extractor-1"  # changes when old weights no longer fit


class SceneExtractor(nn.Module):
    """uint8 images of any size to 64 features; holds weights only."""

    def __init__(self) -> None:
        super().__init__()
        self.conv32 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv16 = nn.Conv2d(32, 40, 3, stride=2, padding=1)
        self.conv16b = nn.Conv2d(40, 48, 3, padding=1)
        self.conv8 = nn.Conv2d(48, 64, 3, stride=2, padding=1)
        self.conv8b = nn.Conv2d(64, 64, 3, padding=1)
        self.conv4 = nn.Conv2d(64, 96, 3, stride=2, padding=1)
        self.features = nn.Linear(32 + 48 + 64 + 96 * GRID_SIDE**2, NUM_FEATURES)
        self.standardize = nn.BatchNorm1d(NUM_FEATURES, affine=False)

    def forward(self, images: UInt8[Tensor, "n 3 h w"]) -> Float[Tensor, "n 64"]:
        """Return the features of uint8 images."""
        x32 = F.relu(self.conv32(network_input(images)))
        x16 = F.relu(self.conv16b(F.relu(self.conv16(x32))))
        x8 = F.relu(self.conv8b(F.relu(self.conv8(x16))))
        x4 = F.relu(self.conv4(x8))
        texture = [x.mean(dim=(2, 3)) for x in (x32, x16, x8)]
        return self.standardize(self.features(torch.cat([*texture, x4.flatten(1)], dim=1)))


def network_input(images: UInt8[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 32 32"]:
    """Return the images in [-1, 1] at 32 x 32 pixels."""
    return resized(images.float() / 127.5 - 1, INPUT_SIDE)


def resized(images: Float[Tensor, "n 3 h w"], side: int) -> Float[Tensor, "n 3 s s"]:
    """Return images at another resolution: area average down, bilinear up."""
    size = (side, side)
    if images.shape[2:] == size:
        return images
    if min(images.shape[2:]) >= side:
        return F.interpolate(images, size, mode="area")
    return F.interpolate(images, size, mode="bilinear", align_corners=False)


def initialize(extractor: SceneExtractor, generator: torch.Generator) -> None:
    """Draw He-normal weights and zero biases from `generator`, in the order of the layers."""
    for layer in extractor.children():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]


def save_extractor(path: Path, extractor: SceneExtractor, header: dict) -> None:
    """Write the weights (as fp16, to stay small) and a header about them, atomically."""
    shape = {"format": FORMAT, "features": NUM_FEATURES, "input_side": INPUT_SIDE}
    save_tensors(path, halved(extractor.state_dict()), {**shape, **header})


def load_extractor(path: Path) -> tuple[SceneExtractor, dict]:
    """Return the extractor, ready for use in fp32, and its header.

    Raises ValueError, in one line, if the file is missing, damaged or of another format.
    """
    tensors, header = load_tensors(path)
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} holds {header.get('format')!r}, not {FORMAT!r}: retrain it")
    with describing(path, "extractor"):
        extractor = filled(SceneExtractor, tensors)  # copies into fp32
    return extractor.eval().requires_grad_(False), header


def shipped_weights() -> Path:
    """Return where the weights that ship with the code are."""
    return Path(__file__).with_name("scene_extractor.safetensors")
