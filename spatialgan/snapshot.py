"""Snapshots: a trained generator as one file, and images as a function of (seed, sample index).

Conventions: z, layout and noise of sample i each come from their own random stream. Changing one, such as the
layout, leaves the others as they are, and a sample does not depend on which others are drawn with it.

Shapes: n samples, *m codes where there are several (the background's first), w style space, r
resolution.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from spatialgan.config import RunConfig, run_from_identity
from spatialgan.networks.generator import Generator, GeneratorInputs, draw_noise
from spatialgan.networks.released import Conventions, released_generator
from spatialgan.rng import generator_for
from spatialgan.tensor_file import load_tensors, save_tensors

NUM_W_SAMPLES = 4096  # latents behind the mean style that truncation pulls towards


@dataclass(frozen=True)
class Snapshot:
    """A trained generator, and the run it comes from."""

    generator: Generator
    w_avg: Float[Tensor, " w"]
    config: RunConfig
    kimg: float


def save_snapshot(path: Path, generator: Generator, config: RunConfig, nimg: int) -> None:
    """Write a generator's weights, its mean style and the run's identity as one safetensors file."""
    tensors = {f"generator.{name}": tensor for name, tensor in generator.state_dict().items()}
    tensors["w_avg"] = mean_style(generator, config)
    save_tensors(path, tensors, {"kind": "snapshot", "nimg": nimg, "identity": config.identity()})


def load_snapshot(path: Path, device: str = "cpu") -> Snapshot:
    """Return the generator in a snapshot file; raises ValueError if the file is damaged or not a snapshot."""
    tensors, header = load_tensors(path)
    if header.get("kind") != "snapshot":
        raise ValueError(
            f"{path} is no snapshot of a generator but a {header.get('kind', 'file of another program')}"
        )
    config = run_from_identity(header["identity"])
    if "conventions" in header:  # imported
        conventions = Conventions(**header["conventions"])
        generator = released_generator(config.generator, conventions)
    else:
        generator = Generator(config.generator)
    prefix = "generator."
    weights = {
        name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)
    }
    generator.load_state_dict(weights)
    generator.requires_grad_(False).to(device)
    return Snapshot(generator, tensors["w_avg"].to(device), config, header["nimg"] / 1000)


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
    """Return the images of inputs in about [-1, 1]; truncation_psi 1 leaves the styles as they are."""
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
