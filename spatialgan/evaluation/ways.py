"""Ways to change an image by any amount: along a direction or toward another image; and the amount for a given change.

A change is the root mean square over pixels and colors of the difference of two images in [-1, 1].

Shapes: a amounts, n samples, r resolution, l layers, *m codes if there are several.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spatialgan.directions.spaces import Change
from spatialgan.heatmaps.layout import Layout
from spatialgan.networks.generator import SynthesisInputs
from spatialgan.networks.style_space import synthesize
from spatialgan.scenes.render import interpolate_inputs
from spatialgan.snapshot import Snapshot

STEPS = 13  # amounts that are tried first
FINER = 3  # then as many between two of them, twice
SMALLEST, LARGEST = 2.0**-5, 2.0**7  # amounts along a direction of length 1


@dataclass(frozen=True)
class Way:
    """An image as a function of an amount; 0 leaves it unchanged."""

    at: Callable[[Sequence[float]], SynthesisInputs]
    amounts: tuple[float, ...]  # that are tried first, in rising order


@dataclass(frozen=True)
class Reached:
    """How far it was to a change inside a region, and what changed elsewhere."""

    amount: float
    inside: float
    outside: float
    image: Float[Tensor, "3 r r"]


def along(inputs: SynthesisInputs, change: Change) -> Way:
    """Return the way along a direction of the styles or of their channels, as far as LARGEST."""
    is_of_channels = bool(change.channels.any())

    def at(amounts: Sequence[float]) -> SynthesisInputs:
        repeated = _repeated(inputs, len(amounts))
        scale = torch.tensor(amounts).to(inputs.ws)
        ws = repeated.ws + torch.einsum("a,...->a...", scale, change.latent)
        channels = repeated.channels
        if is_of_channels:
            channels = torch.einsum("a,...->a...", scale, change.channels)
        return SynthesisInputs(ws, repeated.layout, repeated.noise, channels)

    steps = torch.logspace(0, 1, STEPS, base=LARGEST / SMALLEST) * SMALLEST
    return Way(at, tuple(steps.tolist()))


def towards(before: SynthesisInputs, after: SynthesisInputs) -> Way:
    """Return the way to another image, which it reaches at amount 1 and doesn't pass."""

    def at(amounts: Sequence[float]) -> SynthesisInputs:
        return _together([interpolate_inputs(before, after, amount) for amount in amounts])

    return Way(at, tuple((torch.arange(1, STEPS + 1) / STEPS).tolist()))


def _repeated(inputs: SynthesisInputs, times: int) -> SynthesisInputs:
    """Return the inputs of one image for several."""
    return SynthesisInputs(
        inputs.ws.expand(times, *inputs.ws.shape[1:]),
        Layout.cat([inputs.layout] * times),
        [maps.expand(times, *maps.shape[1:]) for maps in inputs.noise],
        inputs.channels,
    )


def _together(parts: Sequence[SynthesisInputs]) -> SynthesisInputs:
    noise = zip(*(part.noise for part in parts), strict=True)
    return SynthesisInputs(
        torch.cat([part.ws for part in parts]),
        Layout.cat([part.layout for part in parts]),
        [torch.cat(maps) for maps in noise],
    )


@torch.no_grad()
def images_of(snapshot: Snapshot, inputs: SynthesisInputs) -> Float[Tensor, "n 3 r r"]:
    """Return images in [-1, 1]."""
    return synthesize(snapshot.generator.synthesis, inputs).clamp(-1, 1)


def change_in(
    before: Float[Tensor, "*n 3 r r"], after: Float[Tensor, "n 3 r r"], where: Bool[Tensor, "r r"]
) -> Float[Tensor, " n"]:
    """Return the change of the pixels of a region, from one image or from as many as there are after it."""
    return (after - before)[:, :, where].square().mean(dim=(1, 2)).sqrt()


def reach(
    way: Way,
    draw: Callable[[SynthesisInputs], Float[Tensor, "n 3 r r"]],
    region: Bool[Tensor, "r r"],
    levels: Sequence[float],
) -> list[Reached | None]:
    """Return, for each change inside a region that is wanted, the amount tried that comes nearest to it.

    Sought is around the smallest amount tried first that makes it; None where none does. The image of amount 0 is
    drawn first.
    """
    first = draw(way.at([0.0]))[0]
    coarse = change_in(first, draw(way.at(way.amounts)), region)
    return [_reach(way, draw, region, first, coarse, level) for level in levels]


def _reach(
    way: Way,
    draw: Callable[[SynthesisInputs], Float[Tensor, "n 3 r r"]],
    region: Bool[Tensor, "r r"],
    first: Float[Tensor, "3 r r"],
    coarse: Float[Tensor, " a"],
    level: float,
) -> Reached | None:
    amounts, changes = (0.0, *way.amounts), coarse
    for _ in range(2):
        beyond = (changes >= level).nonzero()[:, 0].tolist()
        if not beyond:
            return None
        low, high = amounts[beyond[0]], amounts[beyond[0] + 1]
        amounts = tuple(torch.linspace(low, high, FINER + 2).tolist())
        images = draw(way.at(amounts[1:]))
        changes = change_in(first, images, region)
    place = int((changes - level).abs().argmin())
    outside = change_in(first, images[place : place + 1], ~region)
    return Reached(amounts[place + 1], float(changes[place]), float(outside[0]), images[place])
