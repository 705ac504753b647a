"""Training throughput of the baseline row against NVlabs/stylegan3's StyleGAN2 networks.

    python -m benchmarks.throughput --peer PATH_TO_A_CHECKOUT_OF_stylegan3

Same architecture, batch, losses (non-saturating logistic, R1 every 16 steps), optimizer and machine, in
one process and alternating. The peer's networks are imported from the checkout; nothing of it is here.
"""

# The peer has no types, and is not here
# pyright: reportMissingImports=false, reportArgumentType=false

import copy
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import click
import torch
import torch.nn.functional as F
from packaging.version import parse as parse_version

from benchmarks.steps import configured, our_step, seconds_per_step
from spatialgan.settings.config import RunConfig


def peer_step(checkout: Path, config: RunConfig) -> Callable[[int], None]:
    """Return the same training step with the peer's networks, in fp32 as they run on a CPU."""
    sys.path.insert(0, str(checkout))
    # the peer needs one function of a module that setuptools no longer has
    sys.modules.setdefault("pkg_resources", SimpleNamespace(parse_version=parse_version))
    from training.networks_stylegan2 import Discriminator, Generator

    ours, training = config.generator, config.training
    width = {"channel_base": ours.channel_base, "channel_max": ours.channel_max, "num_fp16_res": 0}
    image = {"img_resolution": ours.resolution, "img_channels": 3}
    mapping = {"num_layers": ours.mapping_layers}
    g = Generator(
        z_dim=ours.z_dim, c_dim=0, w_dim=ours.w_dim, mapping_kwargs=mapping, **image, **width
    )
    epilogue = {"mbstd_group_size": config.discriminator.mbstd_group_size}
    d = Discriminator(c_dim=0, epilogue_kwargs=epilogue, **image, **width)
    g_ema = copy.deepcopy(g).eval()
    adam = {"lr": training.learning_rate, "betas": (0.0, training.beta2), "eps": 1e-8}
    g_opt, d_opt = (
        torch.optim.Adam(g.parameters(), **adam),
        torch.optim.Adam(d.parameters(), **adam),
    )
    reals = torch.rand(training.batch, 3, ours.resolution, ours.resolution) * 2 - 1

    def optimize(
        network: torch.nn.Module, optimizer: torch.optim.Optimizer, loss: Callable
    ) -> None:
        network.requires_grad_(True)
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        network.requires_grad_(False)
        optimizer.step()

    def latents() -> torch.Tensor:
        return torch.randn(training.batch, ours.z_dim)

    def d_loss() -> torch.Tensor:
        with torch.no_grad():
            fakes = g(latents(), None)
        return F.softplus(d(fakes, None)).mean() + F.softplus(-d(reals, None)).mean()

    def r1_loss() -> torch.Tensor:
        images = reals.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(d(images, None).sum(), images, create_graph=True)
        penalty = gradient.square().sum(dim=(1, 2, 3)).mean() / 2
        return penalty * training.r1_gamma * training.r1_interval

    def step(index: int) -> None:
        optimize(g, g_opt, lambda: F.softplus(-d(g(latents(), None), None)).mean())
        optimize(d, d_opt, d_loss)
        if index % training.r1_interval == 0:
            optimize(d, d_opt, r1_loss)
        with torch.no_grad():
            for average, value in zip(g_ema.parameters(), g.parameters(), strict=True):
                average.copy_(value.lerp(average, 0.99))

    g.requires_grad_(False)
    d.requires_grad_(False)
    return step


@click.command()
@click.option(
    "--peer",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="Checkout of stylegan3.",
)
@click.option(
    "--profile", default="workstation", show_default=True, help="Whose architecture and batch."
)
@click.option("--rounds", default=3, show_default=True, help="Alternating rounds of 16 steps.")
@click.option("--threads", default=1, show_default=True)
def main(peer: Path, profile: str, rounds: int, threads: int) -> None:
    """Print images/s of both and their ratio."""
    torch.set_num_threads(threads)
    batch = configured("cat/baseline/0", profile, 16, "fp32").training.batch
    candidates = {
        f"ours, {p}": our_step(configured("cat/baseline/0", profile, batch, p))
        for p in ("fp32", "bf16")
    }
    candidates["NVlabs/stylegan3, fp32"] = peer_step(
        peer, configured("cat/baseline/0", profile, batch, "fp32")
    )
    seconds = seconds_per_step(candidates, rounds)
    theirs = seconds["NVlabs/stylegan3, fp32"]
    print(
        f"baseline, {profile} architecture, batch {batch}, {threads} thread(s), torch {torch.__version__}"
    )
    for name, value in seconds.items():
        print(f"{name:24} {batch / value:8.1f} images/s   {theirs / value:5.2f} x")


if __name__ == "__main__":
    main()
