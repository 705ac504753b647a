"""Images of imported models against the networks that they were imported from.

    python -m benchmarks.imported --peer PATH_TO_A_CHECKOUT

The checkout is NVlabs/stylegan2-ada-pytorch, NVlabs/stylegan3 or genforce/eqgan-sa: random weights are pickled by
its own code, with the settings and augmentations that stand beside them, imported from the file, and both render the
same latents (and heatmaps) in fp32. The peer is imported from the checkout; nothing of it is here.
"""

# The peer has no types, and is not here
# pyright: reportMissingImports=false, reportArgumentType=false, reportAttributeAccessIssue=false

import importlib
import itertools
import pickle
import sys
import tempfile
import types
from pathlib import Path

import click
import torch
from packaging.version import parse
from torch import Tensor, nn

from spatialgan.heatmaps.layout import Layout
from spatialgan.imports.discriminators import load_discriminator
from spatialgan.imports.model import import_discriminator, import_generator
from spatialgan.networks.released import const_noise
from spatialgan.rng import generator_for
from spatialgan.snapshot import Snapshot, load_snapshot

SIZE = {"z_dim": 64, "w_dim": 48}
WIDTHS = {"channel_base": 2048, "channel_max": 64}
NUM = 4  # images
FLOOR = 0.01  # of the predecessor's heatmaps


def open_peer(checkout: Path) -> types.ModuleType:
    """Return the peer's module of StyleGAN2 networks."""
    sys.path.insert(0, str(checkout))
    versions = types.ModuleType("pkg_resources")  # which setuptools no longer has
    versions.parse_version = parse
    sys.modules.setdefault("pkg_resources", versions)
    is_later = (checkout / "training" / "networks_stylegan2.py").exists()
    return importlib.import_module(
        "training.networks_stylegan2" if is_later else "training.networks"
    )


def random_networks(peer: types.ModuleType, resolution: int, clamp: float | None) -> dict:
    """Return untrained networks of the peer whose every tensor matters."""
    torch.manual_seed(resolution)
    shape = {"c_dim": 0, "img_resolution": resolution, "img_channels": 3}
    kwargs = {**WIDTHS, "num_fp16_res": 4, "conv_clamp": clamp}
    if peer.__name__.endswith("stylegan2"):
        generator = peer.Generator(**SIZE, **shape, mapping_kwargs={"num_layers": 3}, **kwargs)
    else:
        sel = {"use_sel": True} if hasattr(peer, "SEL") else {}
        settings = {"mapping_kwargs": {"num_layers": 3}, "synthesis_kwargs": kwargs}
        generator = peer.Generator(**SIZE, **shape, **settings, **sel)
    discriminator = peer.Discriminator(**shape, **kwargs)
    networks = {"G": generator, "G_ema": generator, "D": discriminator}
    for network in networks.values():
        network.eval().requires_grad_(False)
        for name, tensor in itertools.chain(network.named_parameters(), network.named_buffers()):
            if name.endswith("noise_strength"):
                tensor.fill_(0.3)
            elif name.endswith(("bias", "w_avg")):
                tensor.add_(0.3 * torch.randn_like(tensor))
    return networks


def checkpoint_of(networks: dict) -> dict:
    """Return networks as the peer's training keeps them: with its settings and its augmentations."""
    easy_dict = importlib.import_module("dnnlib.util").EasyDict
    augment_pipe = importlib.import_module("training.augment").AugmentPipe
    settings = {"class_name": "training.dataset.ImageFolderDataset", "path": "images.zip"}
    settings |= {"use_labels": False, "max_size": None, "xflip": True, "resolution": 32}
    pipe = augment_pipe(xflip=1, rotate90=1, xint=1, scale=1, rotate=1, brightness=1, noise=1)
    return {"training_set_kwargs": easy_dict(settings), **networks, "augment_pipe": pipe}


def peer_images(network: nn.Module, z: Tensor, layout: Layout, psi: float, mode: str) -> Tensor:
    """Return the peer's images."""
    settings = {"truncation_psi": psi, "noise_mode": mode, "force_fp32": True}
    if not layout.levels:
        return network(z, torch.zeros(len(z), 0), **settings)
    levels = range(len(layout.levels))
    maps = [layout.render(level, network.img_resolution, "corners") + FLOOR for level in levels]
    heatmaps = dict(zip(("b8", "b16", "b32"), maps, strict=True))
    return network(z, torch.zeros(len(z), 0), heatmap=heatmaps, **settings)


def our_images(snapshot: Snapshot, z: Tensor, layout: Layout, psi: float, mode: str) -> Tensor:
    """Return the imported model's images."""
    generator, noise = snapshot.generator, const_noise(snapshot.generator)
    maps = noise if mode == "const" else [torch.zeros_like(m) for m in noise]
    ws = torch.lerp(snapshot.w_avg, generator.styles(z, layout), psi)
    return generator.synthesis(ws, layout, maps)


def relative_difference(ours: Tensor, theirs: Tensor) -> float:
    """Return the largest difference as a fraction of the range of the peer's numbers."""
    return float((ours - theirs).abs().max() / (theirs.max() - theirs.min()))


@click.command()
@click.option("--peer", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--resolution", "resolutions", multiple=True, default=(32, 64, 128, 256), type=int)
@torch.no_grad()
def main(peer: Path, resolutions: tuple[int, ...]) -> None:
    """Print the largest difference of images and of logits, as a fraction of their range."""
    module = open_peer(peer)
    for resolution, clamp in itertools.product(resolutions, (None, 256, 0.5)):
        networks = random_networks(module, resolution, clamp)
        with tempfile.TemporaryDirectory() as folder:
            path, output = Path(folder) / "peer.pkl", Path(folder) / "model.safetensors"
            path.write_bytes(pickle.dumps(checkpoint_of(networks)))
            import_generator(path, output)
            snapshot = load_snapshot(output)
            import_discriminator(path, output)
            discriminator = load_discriminator(output)
        draws = generator_for(0, "imported", resolution)
        z = torch.randn(NUM, SIZE["z_dim"], generator=draws)
        layout = snapshot.config.sampling(NUM, draws)
        for psi, mode in itertools.product((1.0, 0.7), ("const", "none")):
            theirs = peer_images(networks["G_ema"], z, layout, psi, mode)
            found = relative_difference(our_images(snapshot, z, layout, psi, mode), theirs)
            print(f"{resolution} px, clamp {clamp}, psi {psi}, noise {mode}: images {found:.2e}")
        logits = networks["D"](theirs, torch.zeros(NUM, 0), force_fp32=True)[:, 0]
        found = relative_difference(discriminator(theirs)[0], logits)
        print(f"{resolution} px, clamp {clamp}: logits {found:.2e}", flush=True)


if __name__ == "__main__":
    main()
