"""Scenes: one image as data, and the image as a pure function of them.

A scene says which model, where everything is, and from which seeds the rest is drawn. The scene that a
model draws from a seed is sample 0 of that seed, so `render_scene` of it shows what `spatialgan.snapshot`
shows; only that several objects are all in the frame, where a person can take them. Scenes are rendered one
by one and by one thread, because the size of a batch and the number of threads change the order of sums, and
with it the last bits of an image.

Styles: code 0 belongs to the background (or to the whole image, where a model has one style), code i to
object i - 1. A `Style` is what code `code` draws from `seed`; it may serve another object, as in a copy.

Shapes: l layers, *m codes where there are several, w style space, r resolution.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from spatialgan.config import RunConfig
from spatialgan.heatmaps.layout import Gaussians, Layout
from spatialgan.heatmaps.samplers import all_inside
from spatialgan.networks.generator import SynthesisInputs
from spatialgan.scenes.changes import Changes, interpolate
from spatialgan.snapshot import Snapshot, draw_samples, to_uint8
from spatialgan.variants import check_choice

NOISE_MODES = ("random", "const", "none")  # from the scene's seed; the same in all scenes; zero
CONST_NOISE_SEED = 0
TRUNCATION_PSI = 0.7
NOISE_MODE = "random"
MAX_SEED = 2**63 - 1
CENTER_LIMIT = 10.0  # coordinates: five images away
SIGMA_RANGE = (0.001, 4.0)  # from a dot to twice the image
TRUNCATION_RANGE = (0.0, 2.0)


@dataclass(frozen=True)
class Style:
    """The style that code `code` of a model draws from `seed`."""

    seed: int
    code: int


@dataclass(frozen=True)
class Scene:
    """One image as data. Raises ValueError, saying what and where, for values that no image can have."""

    model: str  # name of a shipped model, or the path of a snapshot
    model_sha256: str  # of the snapshot's file
    seed: int  # of the noise, and of all that is not given
    truncation_psi: float  # 1 leaves the styles as they are, 0 makes them all the mean style
    noise_mode: str  # one of NOISE_MODES
    layout: Layout  # of one sample
    styles: tuple[Style, ...]  # one per code
    changes: Changes = field(default_factory=Changes)  # by drags, which no seed draws

    def __post_init__(self) -> None:
        check_number("truncation_psi", self.truncation_psi, *TRUNCATION_RANGE)
        check_choice(NOISE_MODES, "noise_mode", self.noise_mode)
        for seed in (self.seed, *(style.seed for style in self.styles)):
            check_number("seed", seed, 0, MAX_SEED)
        assert len(self.layout) == 1
        for number, level in enumerate(self.layout.levels):
            if not isinstance(level, Gaussians):
                raise ValueError(
                    "this model's heatmaps are noise, which no scene can describe: choose a row "
                    "whose sampling draws Gaussians"
                )
            _check_level(number, level)


def _check_level(number: int, level: Gaussians) -> None:
    for i in range(level.centers.shape[1]):
        place = f"level {number}, sub-heatmap {i}"
        for coordinate in level.centers[0, i].tolist():
            check_number(f"{place}: center", coordinate, -CENTER_LIMIT, CENTER_LIMIT)
        check_number(f"{place}: sigma", float(level.sigmas[0, i]), *SIGMA_RANGE)
        check_number(f"{place}: presence", float(level.presence[0, i]), 0.0, 1.0)


def check_number(place: str, value: float, low: float, high: float) -> None:
    """Raise ValueError, naming the place and the range, unless low <= value <= high; NaN never is."""
    tolerance = 1e-6 * abs(low)  # float32 of a bound may lie beyond it
    if not low - tolerance <= value <= high * (1 + 1e-6):
        raise ValueError(f"{place} is {value:.6g}, but goes from {low:g} to {high:g}")


def scene_of_seed(
    model: str,
    model_sha256: str,
    config: RunConfig,
    seed: int,
    truncation_psi: float = TRUNCATION_PSI,
    noise_mode: str = NOISE_MODE,
) -> Scene:
    """Return the scene that a model draws from a seed."""
    check_number("seed", seed, 0, MAX_SEED)
    inside = replace(config, sampling=all_inside(config.sampling))
    layout = draw_samples(inside, seed, 0, 1).layout
    codes = range(1 + config.generator.num_objects)
    styles = tuple(Style(seed, code) for code in codes)
    return Scene(model, model_sha256, seed, truncation_psi, noise_mode, layout, styles)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread on the CPU for the length of a block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@torch.no_grad()
@one_thread()
def scene_inputs(scene: Scene, snapshot: Snapshot) -> SynthesisInputs:
    """Return the styles (truncated), layout and noise of a scene, on the snapshot's device."""
    config, device = snapshot.config, snapshot.w_avg.device
    draws = {seed: draw_samples(config, seed, 0, 1).z for seed in {s.seed for s in scene.styles}}
    shape = (1, *config.generator.z_shape)
    codes = [draws[style.seed].flatten(0, -2)[style.code] for style in scene.styles]
    layout = scene.layout.to(device)
    ws = snapshot.generator.styles(torch.stack(codes).reshape(shape).to(device), layout)
    ws = torch.lerp(snapshot.w_avg, ws, scene.truncation_psi)
    noise = [maps.to(device) for maps in _noise(scene, config)]
    return SynthesisInputs(scene.changes.styles(ws), scene.changes.layout(layout), noise)


def _noise(scene: Scene, config: RunConfig) -> list[Float[Tensor, "1 1 _ _"]]:
    seed = scene.seed if scene.noise_mode == "random" else CONST_NOISE_SEED
    noise = draw_samples(config, seed, 0, 1).noise
    return [torch.zeros_like(m) for m in noise] if scene.noise_mode == "none" else noise


def inputs_between(
    before: SynthesisInputs, after: SynthesisInputs, fraction: float
) -> SynthesisInputs:
    """Return the inputs on the straight way from `before` (fraction 0) to `after` (1)."""
    noise = [torch.lerp(a, b, fraction) for a, b in zip(before.noise, after.noise, strict=True)]
    ws = torch.lerp(before.ws, after.ws, fraction)
    return SynthesisInputs(ws, interpolate(before.layout, after.layout, fraction), noise)


@torch.no_grad()
@one_thread()
def render_inputs(inputs: SynthesisInputs, snapshot: Snapshot) -> UInt8[Tensor, "3 r r"]:
    """Return the image that a snapshot makes of inputs."""
    synthesis = snapshot.generator.synthesis
    return to_uint8(synthesis(inputs.ws, inputs.layout, inputs.noise))[0]


def render_scene(scene: Scene, snapshot: Snapshot) -> UInt8[Tensor, "3 r r"]:
    """Return the image of a scene; the same scene and device give the same bits."""
    return render_inputs(scene_inputs(scene, snapshot), snapshot)
