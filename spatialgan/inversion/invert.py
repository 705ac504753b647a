"""The optimization: from a photo to the scene of a model that comes closest, as an iterator of states.

Several starts are optimized together, and the worse half is dropped in turn (SURVIVAL), so that most steps go to
the most promising one. Whoever iterates can show each state and cancels by stopping; the best scene so far is in
each of them. Everything is a function of the photo, the model and the settings, and is computed by one thread; only a
limit of seconds makes the number of steps depend on the machine.

Shapes: n scenes, l layers, *m codes if there are several, w style space, r resolution.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from spatialgan.dragging.unknowns import Moments, adam_step
from spatialgan.heatmaps.layout import Layout
from spatialgan.inversion.perceptual import PERCEPTUAL_NAME, Perceptual, distance
from spatialgan.inversion.starts import (
    Starts,
    batch_size,
    draw_starts,
    fixed_noise,
    images_of,
)
from spatialgan.inversion.unknowns import (
    LAYOUTS,
    SPACES,
    Bounds,
    Values,
    first_values,
    layouts_of,
    styles_of,
)
from spatialgan.scenes.render import one_thread
from spatialgan.snapshot import Snapshot
from spatialgan.variants import check_choice

GOING = "going"
STEPS = "steps"  # all steps are made
SECONDS = "seconds"  # the time is up
DIVERGED = "diverged"  # numbers stopped being finite
CANCELED = "canceled"
RATES = (0.05, 0.02, 0.02)  # per step: styles (standard deviations), centers, log sigmas
WARM_UP, COOL_DOWN = 0.05, 0.4  # parts of the steps in which rates rise and fall
SURVIVAL = (0.15, 0.3, 0.45)  # parts of the steps after which the better half of the starts goes on


@dataclass(frozen=True)
class InversionSettings:
    """What is optimized, and for how long. Raises ValueError for an unknown space or layout."""

    space: str = "w+"  # one of SPACES
    layout: str = "free"  # one of LAYOUTS; "fixed" where heatmaps don't reach the synthesis network
    perceptual: str = PERCEPTUAL_NAME  # a key of PERCEPTUAL
    steps: int = 500
    seconds: float = 50.0  # time limit; no step, and no further samples, start after it
    seed: int = 0  # of the first of the samples to begin with
    samples: int = 256
    restarts: int = 4  # number of starting points, the nearest samples
    perceptual_weight: float = 0.1  # beside the mean squared error in [-1, 1]
    # What a square of a standard deviation costs, beside the same
    spread_weight: float = 0.01  # of a layer's styles from the mean of all layers'
    pull_weight: float = 0.001  # of styles from the model's mean style

    def __post_init__(self) -> None:
        check_choice(SPACES, "space", self.space)
        check_choice(LAYOUTS, "layout", self.layout)


@dataclass(frozen=True)
class Found:
    """A scene and what it costs."""

    loss: float
    mse: float  # mean squared error in [-1, 1]
    seed: int  # that its styles are written relative to
    ws: Float[Tensor, "1 l *m w"]
    layout: Layout


@dataclass(frozen=True)
class InversionState:
    """The progress of an inversion."""

    step: int  # updates made
    outcome: str
    best: Found  # so far
    seconds: float  # since the search began


@dataclass(frozen=True)
class Losses:
    """What each of n scenes costs."""

    total: Float[Tensor, " n"]
    mse: Float[Tensor, " n"]  # of what can be seen: images in [-1, 1]


class Inversion:
    """A photo and a model, with all that is computed once; `states` optimizes."""

    def __init__(
        self,
        snapshot: Snapshot,
        photo: UInt8[Tensor, "3 r r"],
        perceptual: Perceptual,
        settings: InversionSettings,
        guesses: Sequence[Starts] = (),
    ) -> None:
        """Draw the styles and layouts of the samples to begin with; guesses, such as an encoder's, are further starts."""
        self.snapshot, self.settings, self.perceptual = snapshot, settings, perceptual
        self.target = photo[None].float() / 127.5 - 1
        self.noise, self.guesses, self.nearest_mse = fixed_noise(snapshot), guesses, math.inf
        with one_thread(), torch.no_grad():
            self.wanted = perceptual.features(self.target)
            self.drawn = draw_starts(snapshot, settings.seed, settings.samples)
            self.bounds = Bounds.of(self.drawn)

    def losses(self, starts: Starts, values: Values) -> Losses:
        """Return what scenes cost: pixels, perceptual distance, and how far styles are from usual ones."""
        ws, settings = styles_of(starts, values, self.bounds), self.settings
        images = images_of(self.snapshot, ws, layouts_of(starts, values), self.noise)
        mse = (images - self.target).square().mean(dim=(1, 2, 3))
        with torch.no_grad():
            seen = (images.clamp(-1, 1) - self.target).square().mean(dim=(1, 2, 3))
        apart = distance(self.perceptual.features(images), self.wanted)
        usual = (ws - self.bounds.mean) / self.bounds.std
        middle = usual.mean(dim=1, keepdim=True)
        spread = (usual - middle).square().flatten(1).mean(dim=1)
        pull = middle.square().flatten(1).mean(dim=1)
        total = mse + settings.perceptual_weight * apart
        total = total + settings.spread_weight * spread + settings.pull_weight * pull
        return Losses(total, seen)

    def states(self) -> Iterator[InversionState]:
        """Yield a state of step 0 after each part of the samples, and one before the first step and after each.

        The last one's outcome is not GOING.
        """
        settings, began = self.settings, time.perf_counter()
        best, totals = None, []
        for part in self._parts():
            if best and time.perf_counter() - began >= settings.seconds:
                break  # of a large model, the samples alone can take minutes
            values = first_values(part, "w")
            with one_thread(), torch.no_grad():
                losses = self.losses(part, values)
            totals.append(losses.total)
            self.nearest_mse = min(self.nearest_mse, float(losses.mse.min()))
            best = self._better(best, losses, part, values)
            yield InversionState(0, GOING, best, time.perf_counter() - began)
        nearest = torch.cat(totals).argsort(stable=True)[: settings.restarts].tolist()
        starts = Starts.cat([*self.guesses, self.drawn.take(nearest)])
        values = first_values(starts, settings.space)
        moments = [Moments.zeros(x) for x in values.tensors()]
        step = 0
        while True:
            losses, gradients = self._gradients(starts, values)
            best = self._better(best, losses, starts, values)
            seconds = time.perf_counter() - began
            finite = bool(losses.total.isfinite().all()) and all(
                g.isfinite().all() for g in gradients
            )
            outcome = STEPS if step >= settings.steps else GOING
            if outcome == GOING and seconds >= settings.seconds:
                outcome = SECONDS
            yield InversionState(step, outcome if finite else DIVERGED, best, seconds)
            if outcome != GOING or not finite:
                return
            updated = []
            for i, (x, gradient) in enumerate(zip(values.tensors(), gradients, strict=True)):
                way, moments[i] = adam_step(moments[i], gradient, gradient.square())
                updated.append(x + RATES[i] * _ramp(step / settings.steps) * way)
            values, step = self.bounds.clamped(Values(*updated)), step + 1
            if step in (math.ceil(part * settings.steps) for part in SURVIVAL) and len(starts) > 1:
                keep = losses.total.argsort(stable=True)[: -(-len(starts) // 2)].tolist()
                starts, values = starts.take(keep), values.take(keep)
                moments = [Moments(m.mean[keep], m.energy[keep], m.updates) for m in moments]

    def _parts(self) -> Iterator[Starts]:
        """Yield the samples, some at a time."""
        rows = range(len(self.drawn))
        size = batch_size(self.snapshot.config.generator.resolution)
        for first in range(0, len(rows), size):
            yield self.drawn.take(rows[first : first + size])

    @one_thread()
    def _gradients(self, starts: Starts, values: Values) -> tuple[Losses, list[Tensor]]:
        """Return what scenes cost, and the gradient of that for each unknown, 0 for those that stay the same."""
        with torch.enable_grad():
            watched = Values(*(x.detach().requires_grad_() for x in values.tensors()))
            losses = self.losses(starts, watched)
            found = torch.autograd.grad(
                losses.total.sum(), watched.tensors(), allow_unused=True, materialize_grads=True
            )
        if self.settings.layout == "fixed":
            found = (found[0], *(torch.zeros_like(gradient) for gradient in found[1:]))
        return Losses(losses.total.detach(), losses.mse), list(found)

    def _better(self, best: Found | None, losses: Losses, starts: Starts, values: Values) -> Found:
        """Return the best of the scenes and of the best one so far."""
        row = int(losses.total.nan_to_num(math.inf).argmin())
        loss = float(losses.total[row])
        if best is not None and not loss < best.loss:
            return best
        start, one = starts.take([row]), values.take([row])
        ws, layout = styles_of(start, one, self.bounds), layouts_of(start, one)
        return Found(loss, float(losses.mse[row]), start.seeds[0], ws, layout)


def _ramp(part: float) -> float:
    """Return what rates are multiplied by when this part of the steps is made."""
    fall = min(1.0, (1 - part) / COOL_DOWN)
    return min(1.0, part / WARM_UP + 0.1) * (1 - math.cos(math.pi * fall)) / 2
