"""Snapshots: a trained generator as one file, and images as a function of (seed, sample index).

Conventions: z, layout and noise of sample i each come from their own random stream. Changing one, such as the
layout, leaves the others unchanged, and a sample does not depend on which others are drawn with it.

Shapes: n samples, *m codes if there are several (the background's first), w style space, r
resolution.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from spatialgan.headers import check_fields, check_numbers, describing, filled, whole
from spatialgan.networks.generator import Generator, GeneratorInputs, draw_noise
from spatialgan.networks.released import Conventions, released_generator
from spatialgan.rng import generator_for
from spatialgan.settings.config import ExecutionConfig, RunConfig, run_from_identity
from spatialgan.tensor_file import read_tensors, save_tensors

PREFIX = "generator."  # of the names of a generator's weights
# Bounds of what a file's header may ask for
RESOLUTIONS = [2**k for k in range(3, 13)]  # pixels
MAX_LAYERS = 64  # of the mapping network
MAX_LEVELS = 8  # of heatmaps
MAX_HEATMAPS = 1024  # of a level
MAX_IMAGES = 1 << 53  # of a training
MAX_SEED = (1 << 63) - 1

NUM_W_SAMPLES = 4096  # latents behind the mean style that truncation pulls toward


@dataclass(frozen=True)
class Snapshot:
    """A trained generator, and the run it comes from."""

    generator: Generator
    w_avg: Float[Tensor, " w"]
    config: RunConfig
    kimg: float


def save_snapshot(path: Path, generator: Generator, config: RunConfig, nimg: int) -> None:
    """Write a generator's weights, its mean style and the run's identity as one safetensors file."""
    tensors = {f"{PREFIX}{name}": tensor for name, tensor in generator.state_dict().items()}
    tensors["w_avg"] = mean_style(generator, config)
    save_tensors(path, tensors, {"kind": "snapshot", "nimg": nimg, "identity": config.identity()})


def load_snapshot(path: Path, device: str = "cpu") -> Snapshot:
    """Return the generator in a snapshot file; raises ValueError if the file is damaged or not a snapshot."""
    return load_hashed(path, device)[0]


def load_hashed(path: Path, device: str = "cpu") -> tuple[Snapshot, str]:
    """Return the generator in a snapshot file, and the sha256 of the very bytes that it was made of.

    Raises ValueError if the file is missing, damaged or not a snapshot, OSError if it can't be read.
    """
    found = read_tensors(path)
    tensors, header = found.tensors, found.header
    if header.get("kind") != "snapshot":
        raise ValueError(
            f"{path} is no snapshot of a generator but a {header.get('kind', 'file of another program')}"
        )
    with describing(path, "generator"):
        config = run_from_identity(header["identity"])
        _check_sizes(config, "conventions" in header)
        build = partial(Generator, config.generator)
        if "conventions" in header:  # imported
            conventions = Conventions(**header["conventions"])
            check_fields(conventions)
            build = partial(released_generator, config.generator, conventions)
        w_avg = tensors.pop("w_avg")
        generator = filled(build, {name.removeprefix(PREFIX): t for name, t in tensors.items()})
        if w_avg.shape != (config.generator.w_dim,) or w_avg.dtype != torch.float32:
            raise ValueError(f"w_avg is {list(w_avg.shape)}")
        check_numbers("w_avg", w_avg)
        config.sampling(1, generator_for(0, "layout", 0))
        kimg = whole(header, "nimg", MAX_IMAGES) / 1000
    generator.requires_grad_(False).to(device)
    return Snapshot(generator, w_avg.to(device), config, kimg), found.sha256


def _check_sizes(config: RunConfig, is_imported: bool) -> None:
    """Raise ValueError if no generator can have these numbers."""
    whole(config.__dict__, "seed", MAX_SEED)
    check_fields(replace(config, seed=0, execution=ExecutionConfig()))
    sizes = config.generator
    if not 1 <= getattr(sizes.encoding, "dilation", 1) <= MAX_LAYERS:
        raise ValueError(f"dilation is {sizes.encoding.dilation}")  # pyright: ignore[reportFunctionMemberAccess]
    check_resolution(sizes.resolution)
    if not 1 <= sizes.mapping_layers <= MAX_LAYERS:
        raise ValueError(f"mapping_layers is {sizes.mapping_layers}")
    if min(sizes.z_dim, sizes.w_dim, sizes.channels(sizes.resolution)) < 1:
        raise ValueError("a generator has at least one channel and one number of a style")
    levels = sizes.heatmap_channels
    if any(not 1 <= count <= MAX_HEATMAPS for count in levels) or len(levels) > MAX_LEVELS:
        raise ValueError(f"heatmap_channels are {levels}")
    if not is_imported and config.sampling.heatmap_channels != levels:
        raise ValueError(f"heatmaps of {config.sampling.heatmap_channels} are drawn for {levels}")


def check_resolution(resolution: int) -> None:
    """Raise ValueError if no network of ours has images of so many pixels along a side."""
    if resolution not in RESOLUTIONS:
        raise ValueError(f"resolution is {resolution}")


@torch.no_grad()
def mean_style(generator: Generator, config: RunConfig) -> Float[Tensor, " w"]:
    """Return the mean of w over fixed latents and layouts."""
    draws = generator_for(0, "mean_style", 0)
    z = torch.randn(NUM_W_SAMPLES, *config.generator.z_shape, generator=draws)
    layout = config.sampling(NUM_W_SAMPLES, draws)
    device = generator.synthesis.const.device
    styles = generator.styles(z.to(device), layout.to(device))[:, 0]
    return styles.flatten(0, -2).mean(dim=0)


def draw_z(config: RunConfig, seeds: Sequence[int], index: int) -> Float[Tensor, "1 *m z"]:
    """Return the latent of sample `index`; code j (0: image or background) comes from seeds[j]."""
    streams = ["z", *(f"z/object{j}" for j in range(1, len(seeds)))]
    codes = [
        torch.randn(config.generator.z_dim, generator=generator_for(seed, stream, index))
        for seed, stream in zip(seeds, streams, strict=True)
    ]
    return torch.stack(codes).reshape(1, *config.generator.z_shape)


def draw_samples(config: RunConfig, seed: int, start: int, stop: int) -> GeneratorInputs:
    """Return the inputs of samples start..stop-1 of a seed, on the CPU."""
    return GeneratorInputs.cat([_draw_sample(config, seed, index) for index in range(start, stop)])


def _draw_sample(config: RunConfig, seed: int, index: int) -> GeneratorInputs:
    return GeneratorInputs(
        draw_z(config, [seed] * (1 + config.generator.num_objects), index),
        config.sampling(1, generator_for(seed, "layout", index)),
        draw_noise(config.generator, 1, generator_for(seed, "noise", index)),
    )


@torch.no_grad()
def render(
    snapshot: Snapshot,
    inputs: GeneratorInputs,
    truncation_psi: float = 1.0,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "n 3 r r"]:
    """Return the images of inputs in about [-1, 1]; truncation_psi 1 leaves the styles unchanged."""
    generator, device = snapshot.generator, snapshot.w_avg.device
    inputs = inputs.to(device)
    ws = generator.styles(inputs.z, inputs.layout)
    ws = torch.lerp(snapshot.w_avg, ws, truncation_psi)
    return generator.synthesis(ws, inputs.layout, inputs.noise, dtype)


def to_uint8(images: Float[Tensor, "n 3 r r"]) -> UInt8[Tensor, "n 3 r r"]:
    """Return images in [-1, 1] as bytes; values outside are clipped."""
    return (images.float() * 127.5 + 128).clamp(0, 255).to(torch.uint8).cpu()


def sample_images(snapshot: Snapshot, seed: int, start: int, stop: int) -> UInt8[Tensor, "n 3 r r"]:
    """Return images start..stop-1 of a seed, without truncation."""
    return to_uint8(render(snapshot, draw_samples(snapshot.config, seed, start, stop)))
