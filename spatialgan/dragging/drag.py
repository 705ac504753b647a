"""Dragging: handle points of an image are pulled to targets by optimizing what the image is made from.

DRAGS are the methods that the paper compares (section 3.4, Tab. II): how each begins (starts.py) and what it
optimizes in turns (unknowns.py). To add one, give it a key at the foot of this file.

A drag is an iterator of states: whoever iterates can show each of them, and cancels by stopping. It ends when
every handle is within the tolerance of its target, at the step cap, or where numbers stop being finite. A
state costs one forward pass up to the feature block, and a step one backward pass more.

Points are (y, x) in [-1, 1]; names ending in _px count half cells of the feature map (points.py).

Shapes: p points, c channels, f feature cells along an axis.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from spatialgan.dragging.points import (
    distances_px,
    fixed_mask_loss,
    motion_supervision,
    px_of,
    read,
    track,
)
from spatialgan.dragging.starts import Jump, Start, Stay
from spatialgan.dragging.unknowns import (
    Centers,
    HeatmapPixels,
    Latent,
    Moments,
    Unknown,
    adam_step,
)
from spatialgan.networks.generator import SynthesisInputs
from spatialgan.snapshot import Snapshot

Features = Callable[[SynthesisInputs], Float[Tensor, "c f f"]]

GOING = "going"
REACHED = "reached"  # every handle is within the tolerance of its target
STEP_CAP = "step cap"
JUMPED = "jumped"  # a method without steps made its jump and is done
DIVERGED = "diverged"  # numbers stopped being finite
CANCELED = "canceled"


@dataclass(frozen=True)
class DragSettings:
    """Numbers that all methods share: DragGAN's at 256 px, from its paper or, where noted, its code."""

    motion_radius_px: float = 2.0  # r1: 3 px at 512 (code: rounded, and less than)
    tracking_radius_px: float = 6.0  # r2: 12 px at 512
    mask_weight: float = 20.0  # lambda of the fixed mask
    tolerance_px: float = 1.0  # a handle this near its target has arrived
    max_steps: int = 300


@dataclass(frozen=True)
class Problem:
    """What to drag, and where to."""

    features: Features  # the feature map of inputs, differentiable
    inputs: SynthesisInputs
    handles: Float[Tensor, "p 2"]
    targets: Float[Tensor, "p 2"]
    fixed: Float[Tensor, "f f"]  # 1 where nothing may change, 0 elsewhere
    settings: DragSettings = field(default_factory=DragSettings)

    def to_go(self, handles: Float[Tensor, "p 2"]) -> Float[Tensor, " p"]:
        """Return how far handles are from their targets, in image widths."""
        return (self.targets - handles).norm(dim=1) / 2


@dataclass(frozen=True)
class Drag:
    """A method of dragging."""

    title: str
    start: Stay | Jump
    unknowns: tuple[Unknown, ...]  # optimized in turns, one per step


@dataclass(frozen=True)
class DragState:
    """The progress of a drag."""

    step: int  # updates made
    outcome: str
    handles: Float[Tensor, "p 2"]  # where tracking sees them
    start: Start
    unknowns: tuple[Unknown, ...]
    changes: tuple[Tensor, ...]  # of the unknowns, since the start's inputs

    def inputs(self) -> SynthesisInputs:
        """Return what the image is made from now."""
        inputs = self.start.inputs
        for unknown, change in zip(self.unknowns, self.changes, strict=True):
            inputs = unknown.apply(inputs, change)
        return inputs

    def change_of(self, kind: type) -> list[Tensor]:
        """Return the changes of the unknowns of one kind."""
        pairs = zip(self.unknowns, self.changes, strict=True)
        return [change for unknown, change in pairs if isinstance(unknown, kind)]


def drag_states(problem: Problem, drag: Drag) -> Iterator[DragState]:
    """Yield the state before the first step and after each; the last one's outcome is not GOING.

    Raises ValueError if the model lacks what the method optimizes.
    """
    settings = problem.settings
    with torch.no_grad():
        first = problem.features(problem.inputs)
    templates = read(first, problem.handles[None])[:, 0]
    start = drag.start(problem.inputs, problem.handles, problem.targets)
    changes = tuple(unknown.zeros(problem.inputs) for unknown in drag.unknowns)
    moments = [Moments.zeros(change) for change in changes]
    state = DragState(0, GOING, start.handles, start, drag.unknowns, changes)
    limit = settings.max_steps if drag.unknowns else 0
    while True:
        turn = state.step % len(drag.unknowns) if drag.unknowns else 0
        watched = tuple(c.detach().requires_grad_(i == turn) for i, c in enumerate(state.changes))
        with torch.set_grad_enabled(state.step < limit):
            features = problem.features(replace(state, changes=watched).inputs())
        state = _tracked(state, features.detach(), templates, problem, limit)
        yield state
        if state.outcome != GOING:
            return
        gradient = _gradient(features, first, watched[turn], state, problem)
        if not gradient.isfinite().all():
            yield replace(state, outcome=DIVERGED)
            return
        unknown = drag.unknowns[turn]
        way, moments[turn] = adam_step(moments[turn], gradient, unknown.energy(gradient))
        changes = list(state.changes)
        changes[turn] = changes[turn] + unknown.rate * px_of(first) * way
        state = replace(state, step=state.step + 1, changes=tuple(changes))


def _tracked(
    state: DragState,
    features: Float[Tensor, "c f f"],
    templates: Float[Tensor, "c p"],
    problem: Problem,
    limit: int,
) -> DragState:
    """Return the state with its handles found in `features` and its outcome so far.

    A handle that a jump carried along is searched for, once, within half the length of the jump.
    """
    settings, px = problem.settings, px_of(features)
    handles = track(features, state.handles, templates, settings.tracking_radius_px)
    jumped = state.start.jumped
    if state.step == 0 and jumped.any():
        carried = distances_px(problem.handles, state.start.handles, px).max().item()
        wide = max(settings.tracking_radius_px, carried / 2)
        handles[jumped] = track(features, state.handles[jumped], templates[:, jumped], wide)
    arrived = distances_px(handles, problem.targets, px) <= settings.tolerance_px
    stopped = STEP_CAP if state.unknowns else JUMPED
    outcome = REACHED if arrived.all() else stopped if state.step >= limit else GOING
    return replace(state, handles=handles, outcome=outcome)


def _gradient(
    features: Float[Tensor, "c f f"],
    first: Float[Tensor, "c f f"],
    change: Tensor,
    state: DragState,
    problem: Problem,
) -> Tensor:
    """Return the gradient of motion supervision and fixed mask for one unknown's change [DragGAN, Eq. 1].

    Raises ValueError if the change can't reach the features.
    """
    if not features.requires_grad:
        raise ValueError(
            "this model's heatmaps don't reach its synthesis network: choose the method latent"
        )
    settings = problem.settings
    loss = motion_supervision(features, state.handles, problem.targets, settings.motion_radius_px)
    if problem.fixed.any():
        loss = loss + settings.mask_weight * fixed_mask_loss(features, first, problem.fixed)
    (gradient,) = torch.autograd.grad(loss, change)
    return gradient


@dataclass(frozen=True)
class DragResult:
    """How a drag ended."""

    state: DragState
    seconds: float

    @property
    def reached(self) -> bool:
        """Whether every handle arrived."""
        return self.state.outcome == REACHED


def never_cancel(state: DragState) -> bool:
    """Let a drag continue, whatever its state."""
    return True


def run_drag(
    problem: Problem, drag: Drag, watch: Callable[[DragState], bool] = never_cancel
) -> DragResult:
    """Return how a drag ends, with a progress bar; `watch` sees every state and returns whether to continue."""
    began = time.perf_counter()
    with tqdm(
        total=problem.settings.max_steps, desc="dragging", unit="step", leave=False, disable=None
    ) as bar:
        states = drag_states(problem, drag)
        while True:
            state = next(states)
            bar.update(state.step - bar.n)
            bar.set_postfix(to_go=f"{problem.to_go(state.handles).max().item():.4f}")
            if not watch(state) and state.outcome == GOING:
                state = replace(state, outcome=CANCELED)
            if state.outcome != GOING:
                break
    return DragResult(state, time.perf_counter() - began)


def default_feature_resolution(resolution: int) -> int:
    """Return the resolution of the block whose features are followed, for images of `resolution` px.

    Half of it, as DragGAN's 6th block is for 256-px images, so that one px is a pixel of the image; 128 px
    at most, as there for larger images.
    """
    return min(128, resolution // 2)


def snapshot_features(snapshot: Snapshot, resolution: int) -> Features:
    """Return the feature maps of a snapshot's block at `resolution`; no block above it is run."""

    def features(inputs: SynthesisInputs) -> Float[Tensor, "c f f"]:
        return snapshot.generator.synthesis.features(
            inputs.ws, inputs.layout, inputs.noise, resolution
        )[0]

    return features


DRAGS: dict[str, Drag] = {
    "latent": Drag("DragGAN", Stay(), (Latent(),)),
    "latent+pixels": Drag("Latent and heatmap pixels", Stay(), (Latent(), HeatmapPixels())),
    "latent+centers": Drag("Latent and heatmap centers", Stay(), (Latent(), Centers())),
    "coarse": Drag("SpatialGAN (heatmap alone)", Jump(), ()),
    "coarse+latent+centers": Drag("SpatialGAN + DragGAN", Jump(), (Latent(), Centers())),
}
