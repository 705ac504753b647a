"""Steps of an inversion per second: our generator against NVlabs/stylegan2-ada-pytorch's, in the same loop.

    python -m benchmarks.inversion --peer PATH_TO_A_CHECKOUT [--resolution 64]

Random weights are pickled by the peer's own code and imported; both then optimize one style per layer for the same image
by mean squared error in fp32, on one thread, alternating. The peer is imported from the checkout; nothing of it is
here. Its projector's own loss needs VGG16 in torch's format and is left out on both sides.
"""

import pickle
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import torch
from torch import Tensor

from benchmarks.imported import NUM, open_peer, random_networks, relative_difference
from spatialgan.imports.model import import_generator
from spatialgan.inversion.starts import images_of
from spatialgan.networks.released import const_noise
from spatialgan.rng import generator_for
from spatialgan.scenes.render import one_thread
from spatialgan.snapshot import load_snapshot

ROUNDS, STEPS = 8, 10  # timings of each, and steps in one
RATE = 0.05  # Adam's


class Loop:
    """An optimization of styles; a call makes STEPS steps and returns steps per second."""

    def __init__(self, images: Callable[[Tensor], Tensor], ws: Tensor, target: Tensor) -> None:
        self.images, self.target = images, target
        self.ws = ws.clone().requires_grad_(True)
        self.adam = torch.optim.Adam([self.ws], lr=RATE, betas=(0.9, 0.99))

    def __call__(self) -> float:
        began = time.perf_counter()
        for _ in range(STEPS):
            loss = (self.images(self.ws) - self.target).square().mean()
            self.adam.zero_grad()
            loss.backward()
            self.adam.step()
        return STEPS / (time.perf_counter() - began)


@click.command()
@click.option("--peer", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--resolution", default=64, show_default=True)
@click.option("--starts", default=1, show_default=True, help="Scenes optimized together.")
def main(peer: Path, resolution: int, starts: int) -> None:
    """Print the median steps per second of both, and their ratio."""
    network = random_networks(open_peer(peer), resolution, 256)["G_ema"]
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder) / "peer.pkl", Path(folder) / "model.safetensors"
        path.write_bytes(pickle.dumps({"G_ema": network}))
        import_generator(path, output)
        snapshot = load_snapshot(output)
    draws = generator_for(0, "inversion", resolution)
    with one_thread():
        layout = snapshot.config.sampling(NUM, draws)
        z = torch.randn(NUM, snapshot.config.generator.z_dim, generator=draws)
        ws = snapshot.generator.styles(z, layout).detach()
        noise = const_noise(snapshot.generator)
        layout = layout[:starts]

        def ours(ws: Tensor) -> Tensor:
            return images_of(snapshot, ws, layout, noise)

        def theirs(ws: Tensor) -> Tensor:
            return network.synthesis(ws, noise_mode="const", force_fp32=True)

        with torch.no_grad():
            target = theirs(ws[-1:])
            apart = relative_difference(ours(ws[:starts]), theirs(ws[:starts]))
        loops = {"ours": Loop(ours, ws[:starts], target), "peer": Loop(theirs, ws[:starts], target)}
        speeds = {name: [loop() for _ in range(1)] for name, loop in loops.items()}  # warm-up
        for _ in range(ROUNDS):
            for name, loop in loops.items():
                speeds[name].append(loop())
    median = {name: statistics.median(found[1:]) for name, found in speeds.items()}
    print(f"{resolution} px, {starts} together: images differ by {apart:.1e} of their range")
    for name, speed in median.items():
        print(f"{name}: {speed:.1f} steps per second")
    print(f"ratio {median['ours'] / median['peer']:.2f}")


if __name__ == "__main__":
    main()
