"""Trials: which object of which sample is edited, and by how much, as a function of (seed, sample index).

An object can be tried where it is present and its center is inside the frame; one is drawn at random
among those of a sample, and samples without any are passed over. Latents, noise and all other objects of
a sample stay the same.

Lengths are in image widths where a name says so, else coordinates are (y, x) in [-1, 1], where an
image is 2 wide.

Shapes: n samples or trials, r resolution.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from spatialgan.heatmaps.layout import Gaussians
from spatialgan.heatmaps.moves import objects
from spatialgan.networks.generator import GeneratorInputs
from spatialgan.rng import generator_for
from spatialgan.snapshot import Snapshot, draw_samples, render, to_uint8

# of a move, in image widths: shorter ones drown in noise, which counts 1 / |p|^2
LENGTHS = (0.1, 0.3)
MAX_WITHOUT = 1000  # samples without anything to try, from the first on, after which we give up


@dataclass(frozen=True)
class Renderer:
    """Where samples and their images come from: a trained generator, or a synthetic renderer."""

    draw: Callable[[int, int], GeneratorInputs]  # samples start..stop-1, always the same
    render: Callable[[GeneratorInputs], UInt8[Tensor, "n 3 r r"]]  # their images


def snapshot_renderer(snapshot: Snapshot, seed: int) -> Renderer:
    """Return the samples of a seed as a snapshot draws them, without truncation."""
    return Renderer(
        draw=partial(draw_samples, snapshot.config, seed),
        render=lambda samples: to_uint8(render(snapshot, samples)),
    )


@dataclass(frozen=True)
class Trials:
    """n samples and, of each, the object to edit and the offset to move it by."""

    indices: tuple[int, ...]  # of the samples
    samples: GeneratorInputs
    objects: Int[Tensor, " n"]
    offsets: Float[Tensor, "n 2"]
    idle_offsets: Float[Tensor, "n 2"]  # drawn alike and never applied: what chance would score
    stop: int  # index of the sample that the next batch begins with

    def __len__(self) -> int:
        return len(self.indices)

    def centers(self) -> Float[Tensor, "n 2"]:
        """Return where the objects to edit are."""
        return _chosen(objects(self.samples.layout).centers, self.objects)

    def sigmas(self) -> Float[Tensor, " n"]:
        """Return how large they are."""
        return _chosen(objects(self.samples.layout).sigmas, self.objects)


def is_steerable(renderer: Renderer) -> bool:
    """Return whether the renderer's layouts have objects that can be edited."""
    try:
        objects(renderer.draw(0, 1).layout)
    except ValueError:
        return False
    return True


def draw_trials(renderer: Renderer, seed: int, start: int, stop: int) -> Trials:
    """Return one trial for each of samples start..stop-1 that has an object to try."""
    samples = renderer.draw(start, stop)
    level = objects(samples.layout)
    places = can_be_tried(level).any(dim=1).nonzero()[:, 0].tolist()
    indices = tuple(start + i for i in places)
    plans = [_plan(level.index(slice(i, i + 1)), seed, start + i) for i in places]
    chosen = torch.tensor([plan[0] for plan in plans], dtype=torch.long)
    offsets, idle = (torch.tensor([p[i] for p in plans]).reshape(-1, 2) for i in (1, 2))
    return Trials(indices, samples.take(places), chosen, offsets, idle, stop)


def trial_batches(
    renderer: Renderer, seed: int, num_trials: int, start: int, batch_size: int
) -> Iterator[Trials]:
    """Yield `num_trials` trials of samples `start` and on, those of `batch_size` samples at a time.

    Raises ValueError if samples have nothing to try.
    """
    missing, first = num_trials, start
    while missing > 0:
        trials = draw_trials(renderer, seed, start, start + batch_size)
        start += batch_size
        if missing == num_trials and len(trials) == 0 and start - first >= MAX_WITHOUT:
            raise ValueError(
                f"{MAX_WITHOUT} samples have no object inside the frame: nothing to move"
            )
        if len(trials) > 0:
            trials = _first(trials, missing)
            missing -= len(trials)
            yield trials


def can_be_tried(level: Gaussians) -> Bool[Tensor, "n k"]:
    """Return which objects are present with their center inside the frame."""
    inside = (level.centers.abs() < 1).all(dim=2)
    return inside & (level.presence > 0)


def draw_offset(center: Float[Tensor, " 2"], generator: torch.Generator) -> tuple[float, float]:
    """Return an offset that keeps `center` inside the frame: length uniform in LENGTHS, any direction.

    The direction is uniform among those that stay inside; at least a quarter of all do.
    """
    low, high = (2 * length for length in LENGTHS)
    length = low + (high - low) * torch.rand((), generator=generator).item()
    y, x = center.tolist()
    while True:
        angle = 2 * math.pi * torch.rand((), generator=generator).item()
        dy, dx = length * math.sin(angle), length * math.cos(angle)
        if abs(y + dy) < 1 and abs(x + dx) < 1:
            return dy, dx


Plan = tuple[int, tuple[float, float], tuple[float, float]]


def _plan(level: Gaussians, seed: int, index: int) -> Plan:
    """Return the object of one sample to edit, its offset and its idle offset."""
    draws = generator_for(seed, "trial", index)
    candidates = can_be_tried(level)[0].nonzero()[:, 0]
    chosen = int(candidates[torch.randint(len(candidates), (), generator=draws)])
    center = level.centers[0, chosen]
    return chosen, draw_offset(center, draws), draw_offset(center, draws)


def _first(trials: Trials, num: int) -> Trials:
    """Return the first `num` trials, or all if there are fewer."""
    if len(trials) <= num:
        return trials
    samples = trials.samples.take(range(num))
    offsets = (trials.offsets[:num], trials.idle_offsets[:num])
    chosen = trials.objects[:num]
    return Trials(trials.indices[:num], samples, chosen, *offsets, trials.stop)


def _chosen(values: Float[Tensor, "n k *rest"], indices: Int[Tensor, " n"]) -> Tensor:
    return values[torch.arange(len(indices)), indices]
