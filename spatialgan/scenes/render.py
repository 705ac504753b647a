"""From a scene to pixels: what the synthesis network takes, and the image it makes of that.

The scene that a model draws from a seed is sample 0 of that seed, so rendering it shows what
`spatialgan.snapshot` shows, except that several objects are all inside the frame, where a person can grab
them.

Scenes are rendered one at a time and by one thread, because the size of a batch and the number of threads
change the order of sums, and with it the last bits of an image. All functions here may be called from
several threads.

Shapes: l layers, *m codes if there are several, w style space, r resolution.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from spatialgan.networks.generator import SynthesisInputs
from spatialgan.networks.released import const_noise
from spatialgan.networks.style_space import synthesize
from spatialgan.scenes.changes import interpolate
from spatialgan.scenes.scene import SceneData
from spatialgan.snapshot import Snapshot, draw_samples, to_uint8

CONST_NOISE_SEED = 0
ONE_AT_A_TIME = threading.RLock()  # torch's number of threads belongs to the whole process


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one CPU thread for the length of a block; such blocks take turns."""
    with ONE_AT_A_TIME:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@torch.no_grad()
@one_thread()
def scene_inputs(scene: SceneData, snapshot: Snapshot) -> SynthesisInputs:
    """Return the styles (truncated), layout and noise of a scene, on the snapshot's device."""
    config, device = snapshot.config, snapshot.w_avg.device
    draws = {seed: draw_samples(config, seed, 0, 1).z for seed in {s.seed for s in scene.styles}}
    shape = (1, *config.generator.z_shape)
    codes = [draws[style.seed].flatten(0, -2)[style.code] for style in scene.styles]
    layout = scene.layout.to(device)
    ws = snapshot.generator.styles(torch.stack(codes).reshape(shape).to(device), layout)
    ws = torch.lerp(snapshot.w_avg, ws, scene.truncation_psi)
    noise = [maps.to(device) for maps in _noise(scene, snapshot)]
    changes = scene.changes
    return SynthesisInputs(
        changes.styles(ws), changes.layout(layout), noise, changes.channels.to(device)
    )


def _noise(scene: SceneData, snapshot: Snapshot) -> list[Float[Tensor, "1 1 _ _"]]:
    own = const_noise(snapshot.generator)  # of an imported model
    if scene.noise_mode == "const" and own:
        return own
    seed = scene.seed if scene.noise_mode == "random" else CONST_NOISE_SEED
    noise = draw_samples(snapshot.config, seed, 0, 1).noise
    return [torch.zeros_like(m) for m in noise] if scene.noise_mode == "none" else noise


def interpolate_inputs(
    before: SynthesisInputs, after: SynthesisInputs, fraction: float
) -> SynthesisInputs:
    """Return the inputs on the straight line from `before` (fraction 0) to `after` (fraction 1)."""
    noise = [torch.lerp(a, b, fraction) for a, b in zip(before.noise, after.noise, strict=True)]
    ws = torch.lerp(before.ws, after.ws, fraction)
    channels = _interpolate_channels(before.channels, after.channels, fraction)
    return SynthesisInputs(ws, interpolate(before.layout, after.layout, fraction), noise, channels)


def _interpolate_channels(before: Tensor, after: Tensor, fraction: float) -> Tensor:
    """Return channels on the straight line from `before` to `after`, where an empty tensor counts as 0."""
    if not (before.numel() or after.numel()):
        return before
    like = before if before.numel() else after
    start, end = (x if x.numel() else torch.zeros_like(like) for x in (before, after))
    return torch.lerp(start, end, fraction)


@torch.no_grad()
@one_thread()
def render_inputs(inputs: SynthesisInputs, snapshot: Snapshot) -> UInt8[Tensor, "3 r r"]:
    """Return the image that a snapshot makes of these inputs."""
    return to_uint8(synthesize(snapshot.generator.synthesis, inputs))[0]


def render_scene(scene: SceneData, snapshot: Snapshot) -> UInt8[Tensor, "3 r r"]:
    """Return the image of a scene; on one device, the same scene gives the same bits."""
    return render_inputs(scene_inputs(scene, snapshot), snapshot)
