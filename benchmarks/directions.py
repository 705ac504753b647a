"""How fast directions are found, against the ways of the release: figures of one run, side by side.

Jacobian: Gram matrices in forward mode against one backward pass per pixel and color, of which `--rows` are timed
and the rest scaled. At 256 pixels, so is forward mode: from PART numbers, and the product of random columns. Solve: symmetric, against eigenvectors of inv(B) A; and by truncated SVD.
"""

import statistics
import time
from collections.abc import Callable

import click
import torch
from torch import Tensor

from spatialgan.directions.jacobian import Jacobian, gram_matrices
from spatialgan.directions.problem import TAU, quotients, regularized
from spatialgan.directions.resefa import solve, solve_truncated
from spatialgan.directions.spaces import changed_image, open_space
from spatialgan.heatmaps.samplers import SAMPLERS
from spatialgan.networks.encoding import ENCODINGS
from spatialgan.networks.generator import Generator, GeneratorConfig, SynthesisInputs, draw_noise
from spatialgan.rng import generator_for

# name, resolution, channel_base, channel_max, numbers of w, encoding, its sampler
CASES = (
    ("d = 64, 32 px", 32, 2048, 64, 64, "norm", "hierarchical"),
    ("d = 256, 32 px", 32, 1024, 64, 64, "style", "multi_object"),
    ("d = 512, 64 px", 64, 4096, 128, 512, "norm", "hierarchical"),
    ("d = 512, 256 px", 256, 16384, 512, 512, "norm", "hierarchical"),
)

ROUNDS = 3  # of which the median counts
PART = 32  # numbers of a direction that are timed where all would take minutes


def seconds(function: Callable[[], object], rounds: int) -> float:
    """Return the median CPU seconds of a call."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        function()
        times.append(time.process_time() - started)
    return statistics.median(times)


def image_function(case: tuple) -> tuple[Callable[[Tensor], Tensor], Tensor, int]:
    """Return the image of an untrained generator of a case's size as a function of a direction's numbers."""
    _, resolution, base, most, w_dim, encoding, sampler_name = case
    sampler = SAMPLERS[sampler_name]()
    config = GeneratorConfig(
        resolution=resolution,
        channel_base=base,
        channel_max=most,
        z_dim=w_dim,
        w_dim=w_dim,
        mapping_layers=2,
        heatmap_channels=sampler.heatmap_channels,
        encoding=ENCODINGS[encoding](),
    )
    torch.manual_seed(0)
    generator = Generator(config).requires_grad_(False)
    draws = generator_for(0, "benchmark", 0)
    layout = sampler(1, draws)
    ws = generator.styles(torch.randn(1, *config.z_shape, generator=draws), layout)
    inputs = SynthesisInputs(ws, layout, draw_noise(config, 1, draws))
    space = open_space("w", config, (), ())
    function = lambda t: changed_image(generator.synthesis, inputs, space, t)  # noqa: E731
    return function, torch.zeros(space.size(config)), resolution


def backward_rows(function: Callable[[Tensor], Tensor], at: Tensor, rows: int) -> Tensor:
    """Return some rows of the Jacobian, one backward pass each, as torch.autograd.functional.jacobian does."""
    t = at.clone().requires_grad_()
    values = function(t).flatten()
    chosen = torch.linspace(0, len(values) - 1, rows).long()
    return torch.stack([torch.autograd.grad(values[i], t, retain_graph=True)[0] for i in chosen])


def compare_jacobians(case: tuple, rows: int) -> None:
    """Print how long both ways take for a case, and how far they are apart."""
    function, at, resolution = image_function(case)
    jacobian = Jacobian(function, at, resolution)
    mask = torch.zeros(1, resolution, resolution, dtype=torch.bool)
    mask[0, : resolution // 2, : resolution // 2] = True
    jacobian.columns(0, 1)  # what torch prepares at the first call
    if resolution <= 64:
        forward = seconds(lambda: gram_matrices(jacobian, mask), ROUNDS)
    else:
        forward = seconds(lambda: jacobian.columns(0, PART), 1) * len(at) / PART
        held = torch.randn(len(at), 3 * resolution**2)
        forward += seconds(lambda: held @ held.T, 1)
    backward = seconds(lambda: backward_rows(function, at, rows), ROUNDS)
    backward *= 3 * resolution**2 / rows
    reverse = backward_rows(function, at, rows)
    chosen = torch.linspace(0, 3 * resolution**2 - 1, rows).long()
    few = min(64, len(at))
    columns = jacobian.columns(0, few).flatten(1)[:, chosen].T
    error = (columns - reverse[:, :few]).abs().max() / reverse.abs().max()
    click.echo(
        f"{case[0]:16} forward Gram {forward:8.2f} s, backward per pixel {backward:9.1f} s, "
        f"{backward / forward:6.1f}x, error {error:.1e}"
    )


def compare_solutions(size: int) -> None:
    """Print how long each way of solving takes for Gram matrices that decay as a generator's do."""
    draws = torch.Generator().manual_seed(0)
    decay = torch.exp(-torch.arange(size) / (size / 30)).double()
    bases = [torch.linalg.qr(torch.randn(size, size, generator=draws).double()).Q for _ in "ab"]
    a, b = ((basis * decay) @ basis.T for basis in bases)
    full = seconds(lambda: solve(a, b, TAU), 1)
    release = seconds(lambda: torch.linalg.eig(torch.linalg.inv(regularized(b, TAU)) @ a), 1)
    rank = min(256, size)
    truncated = seconds(lambda: solve_truncated(a, b, TAU, rank), 1)
    outside = regularized(b, TAU)
    best, near = (
        quotients(found.directions[:1], a, outside).item()
        for found in (solve(a, b, TAU), solve_truncated(a, b, TAU, rank))
    )
    click.echo(
        f"solve {size:5}: symmetric {full:6.3f} s; the release's {release:7.3f} s, {release / full:4.1f}x; "
        f"rank {rank} {truncated:6.3f} s, {full / truncated:4.1f}x, quotient {near / best - 1:+.2%}"
    )


@click.command()
@click.option("--rows", default=24, show_default=True, help="Backward passes that are timed.")
@click.option("--largest", default=256, show_default=True, help="Pixels of the largest case.")
def main(rows: int, largest: int) -> None:
    """Compare the ways to find directions, by one thread."""
    torch.set_num_threads(1)
    for case in CASES:
        if case[1] <= largest:
            compare_jacobians(case, rows)
    for size in (512, 2048):
        compare_solutions(size)


if __name__ == "__main__":
    main()
