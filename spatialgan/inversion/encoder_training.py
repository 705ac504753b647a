"""Training an encoder on exact pairs: scenes that the model draws, and their images.

What can't be seen hardly counts: sub-heatmaps outside the image, and their objects' styles, weigh OUTSIDE.

Shapes: n images, k sub-heatmaps of all levels together, d numbers of a scene, r resolution.
"""

import math
import time

import torch
from jaxtyping import Float
from torch import Tensor, nn
from tqdm import tqdm

from spatialgan.inversion.encoder import (
    Encoder,
    numbers_of,
    ordered,
    set_units,
)
from spatialgan.inversion.starts import Starts, gaussian_columns
from spatialgan.models.opened import OpenedModel
from spatialgan.networks.generator import draw_noise
from spatialgan.rng import generator_for
from spatialgan.scenes.render import one_thread
from spatialgan.snapshot import Snapshot, to_uint8

BATCH = 64
RATE = 1e-3  # Adam's; it falls to 0 along half a cosine
OUTSIDE = 0.05  # weight of what is outside the image, beside 1
NUM_UNITS = 4096  # scenes behind the units of numbers
NUM_HELD_OUT = 256  # held-out scenes for the record's errors


@one_thread()
def train_encoder(model: OpenedModel, steps: int, seed: int = 0) -> tuple[Encoder, dict]:
    """Return an encoder for a model and a record of its training; a function of model, steps and seed."""
    began, snapshot = time.perf_counter(), model.snapshot
    draws = generator_for(seed, "encoder", 0)
    encoder = Encoder(snapshot.config.generator)
    initialize(encoder, draws)
    set_units(encoder, ordered(_scenes(snapshot, NUM_UNITS, draws)))
    optimizer = torch.optim.Adam(encoder.parameters(), RATE)
    for step in tqdm(range(steps), desc="training", unit="step", disable=None):
        images, numbers, weights = pairs(snapshot, BATCH, draws)
        wanted = (numbers - encoder.offset) / encoder.scale
        optimizer.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * step / steps)) / 2
        loss = (weights * (encoder(images) - wanted).square()).sum() / weights.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    encoder.eval().requires_grad_(False)
    seconds = round(time.perf_counter() - began, 1)
    record = {"steps": steps, "seed": seed, "seconds": seconds, "num_held_out": NUM_HELD_OUT}
    return encoder, record | errors(encoder, snapshot, generator_for(seed, "encoder", 1))


def initialize(encoder: Encoder, generator: torch.Generator) -> None:
    """Draw He-normal weights and zero biases from `generator`, in the order of the layers."""
    for layer in encoder.children():
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        nn.init.kaiming_normal_(layer.weight, nonlinearity="leaky_relu", generator=generator)
        nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]


@torch.no_grad()
def _scenes(snapshot: Snapshot, num: int, draws: torch.Generator) -> Starts:
    config = snapshot.config
    z = torch.randn(num, *config.generator.z_shape, generator=draws)
    layout = config.sampling(num, draws)
    return Starts((0,) * num, snapshot.generator.styles(z, layout), layout)


@torch.no_grad()
def pairs(
    snapshot: Snapshot, num: int, draws: torch.Generator
) -> tuple[Float[Tensor, "n 3 r r"], Float[Tensor, "n d"], Float[Tensor, "n d"]]:
    """Return images as bytes make them, in [-1, 1], the numbers of their scenes, and the numbers' weights."""
    scenes = _scenes(snapshot, num, draws)
    noise = draw_noise(snapshot.config.generator, num, draws)
    images = snapshot.generator.synthesis(scenes.ws, scenes.layout, noise)
    scenes = ordered(scenes)
    numbers = numbers_of(scenes)
    return to_uint8(images).float() / 127.5 - 1, numbers, _weights(scenes, numbers)


def _weights(scenes: Starts, numbers: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    centers = gaussian_columns(scenes.layout)[0]
    seen = torch.where((centers.abs() > 1).any(dim=2), OUTSIDE, 1.0)
    styles = torch.ones_like(scenes.ws[:, 0])
    if styles.ndim == 3:  # of the background, then of each object
        styles[:, 1:] *= seen[..., None]
    parts = [seen.repeat_interleave(2, dim=1), seen, styles.flatten(1)]
    return torch.cat(parts, dim=1).expand_as(numbers)


@torch.no_grad()
def errors(encoder: Encoder, snapshot: Snapshot, draws: torch.Generator) -> dict:
    """Return an encoder's errors on scenes that it hasn't seen.

    `center` is the median distance of a center inside the image from its true place, in image widths (None without
    heatmaps); `styles` the mean squared error of styles as a fraction of their variance, 1 for guessing the mean.
    """
    images, numbers, weights = pairs(snapshot, NUM_HELD_OUT, draws)
    guessed = encoder(images)
    k = sum(snapshot.config.generator.heatmap_channels)
    wanted = (numbers - encoder.offset) / encoder.scale
    squares = (weights * (guessed - wanted).square())[:, 3 * k :]
    found = {"styles": round(float(squares.sum() / weights[:, 3 * k :].sum()), 4), "center": None}
    if k:
        apart = (guessed * encoder.scale + encoder.offset - numbers)[:, : 2 * k]
        ways = apart.view(-1, k, 2).norm(dim=2) / 2
        found["center"] = round(float(ways[weights[:, 2 * k : 3 * k] == 1].median()), 4)
    return found
