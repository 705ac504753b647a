"""An encoder: a small network that guesses from an image which scene of one model it shows.

It sees 32 x 32 pixels and returns all numbers of a scene at once, scaled by what the model draws: centers and log
sizes of all sub-heatmaps, and a style per code, the same for all layers. Which of several objects is the first can't be
seen; so they are counted from left to right, those outside the image last (`ordered`).

Shapes: n images, l layers, *m codes if there are several (the background's first), w style space, k sub-heatmaps
of all levels together, d numbers of a scene, r resolution.
"""

from math import prod
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from spatialgan.extractors.network import resized
from spatialgan.headers import describing, filled
from spatialgan.inversion.starts import Starts, gaussian_columns, layout_of
from spatialgan.models.opened import OpenedModel
from spatialgan.networks.generator import GeneratorConfig
from spatialgan.tensor_file import halved, read_tensors, save_tensors

FORMAT = "spatialgan encoder 1"
SIDE = 32  # pixels per side the network sees
HIDDEN = 384
MAX_BYTES = 2_000_000  # of a file, so that one can ship with each model


class Encoder(nn.Module):
    """Images in [-1, 1] to d numbers of a scene; `scale` and `offset` bring them to their units.

    `sha256` is that of the file it was read from.
    """

    scale: Tensor
    offset: Tensor
    sha256: str = ""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        size = num_numbers(config)
        self.conv32 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv16 = nn.Conv2d(32, 48, 3, stride=2, padding=1)
        self.conv8 = nn.Conv2d(48, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv2d(64, 80, 3, stride=2, padding=1)
        self.hidden = nn.Linear(80 * 16, HIDDEN)
        self.numbers = nn.Linear(HIDDEN, size)
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("offset", torch.zeros(size))

    def forward(self, images: Float[Tensor, "n 3 r r"]) -> Float[Tensor, "n d"]:
        """Return the numbers, each with about mean 0 and standard deviation 1."""
        x = resized(images, SIDE)
        for layer in (self.conv32, self.conv16, self.conv8, self.conv4):
            x = F.leaky_relu(layer(x), 0.2)
        return self.numbers(F.leaky_relu(self.hidden(x.flatten(1)), 0.2))


def num_numbers(config: GeneratorConfig) -> int:
    """Return d: three numbers per sub-heatmap and a style per code."""
    return 3 * sum(config.heatmap_channels) + prod(config.z_shape[:-1]) * config.w_dim


def ordered(starts: Starts) -> Starts:
    """Return scenes with their objects, and styles along, from left to right, those outside the image last.

    Models without a style per object are left alone: there each sub-heatmap has its own weights.
    """
    if starts.ws.ndim == 3:
        return starts
    rows = torch.arange(len(starts))[:, None]
    centers, sigmas, presence = gaussian_columns(starts.layout)
    outside = (centers.abs() > 1).any(dim=2)
    order = (centers[..., 1] + 1000.0 * outside).argsort(dim=1, stable=True)
    centers, sigmas, presence = (x[rows, order] for x in (centers, sigmas, presence))
    own = starts.ws[:, :, 1:].transpose(1, 2)[rows, order].transpose(1, 2)
    ws = torch.cat([starts.ws[:, :, :1], own], dim=2)
    return Starts(starts.seeds, ws, layout_of(centers, sigmas, presence, (centers.shape[1],)))


def numbers_of(starts: Starts) -> Float[Tensor, "n d"]:
    """Return the numbers of scenes with the same style in all layers: centers, log sizes, styles."""
    centers, sigmas, _ = gaussian_columns(starts.layout)
    return torch.cat([centers.flatten(1), sigmas.log(), starts.ws[:, 0].flatten(1)], dim=1)


def scene_of(numbers: Float[Tensor, "1 d"], model: OpenedModel) -> Starts:
    """Return the scene that numbers describe; sub-heatmaps have the presence 1."""
    config = model.snapshot.config.generator
    k = sum(config.heatmap_channels)
    centers, logs, styles = numbers.split([2 * k, k, numbers.shape[1] - 3 * k], dim=1)
    sigmas = logs.exp()
    layout = layout_of(
        centers.view(1, k, 2), sigmas, torch.ones_like(sigmas), config.heatmap_channels
    )
    ws = styles.view(1, 1, *config.z_shape[:-1], config.w_dim)
    return Starts((0,), ws.expand(-1, config.num_ws, *ws.shape[2:]), layout)


@torch.no_grad()
def encoder_guesses(
    encoder: Encoder | None, model: OpenedModel, photo: UInt8[Tensor, "3 r r"]
) -> list[Starts]:
    """Return this model's scene that an encoder guesses from a photo; without one, none."""
    if encoder is None:
        return []
    numbers = encoder(photo[None].float() / 127.5 - 1) * encoder.scale + encoder.offset
    return [scene_of(numbers, model)]


def set_units(encoder: Encoder, drawn: Starts) -> None:
    """Set the units of an encoder's numbers to the mean and spread of drawn scenes."""
    numbers = numbers_of(drawn)
    encoder.offset.copy_(numbers.mean(dim=0))  # pyright: ignore[reportCallIssue]
    encoder.scale.copy_(numbers.std(dim=0).clamp(min=1e-3))  # pyright: ignore[reportCallIssue]


def save_encoder(path: Path, encoder: Encoder, model: OpenedModel, record: dict) -> None:
    """Write an encoder (as fp16, its units in full), bound to its model, with a record of its training."""
    tensors = halved(encoder.state_dict(), exact={"scale", "offset"})
    size = sum(tensor.nbytes for tensor in tensors.values())
    if size > MAX_BYTES:
        raise ValueError(f"the encoder has {size:,} bytes, but may have at most {MAX_BYTES:,}")
    save_tensors(path, tensors, {"format": FORMAT, "model_sha256": model.sha256, **record})


def load_encoder(path: Path, model: OpenedModel) -> Encoder:
    """Return the encoder in a file; raises ValueError, naming the file, if it is not this model's encoder."""
    found = read_tensors(path)
    if found.header.get("format") != FORMAT:
        raise ValueError(f"{path} is not an encoder, whose format is '{FORMAT}'")
    if found.header.get("model_sha256") != model.sha256:
        raise ValueError(f"{path} is the encoder of another model: train one for this one")
    config = model.snapshot.config.generator
    with describing(path, "encoder"):
        encoder = filled(lambda: Encoder(config), found.tensors)
    encoder.sha256 = found.sha256
    return encoder.eval().requires_grad_(False)
