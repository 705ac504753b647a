"""One step of a drag by the latent alone against XingangPan/DragGAN's, and where both end up.

    python -m benchmarks.drag_step --peer PATH_TO_A_CHECKOUT_OF_DragGAN [--snapshot FILE]

Same StyleGAN2 weights, points, radii, learning rate and machine, in one process and alternating. Without a
snapshot (of a row without heatmaps) the weights are random, of the size of the paper's 256-px models. The
peer is imported from the checkout; nothing of it is here.

Where the handles end up is judged alike for both: by features of the final latent, over all of the image.
"""

# The peer has no types, and is not here; nor do blocks of ours say which layers they have
# pyright: reportMissingImports=false, reportArgumentType=false, reportAttributeAccessIssue=false

import contextlib
import io
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import click
import torch
from torch import Tensor

from benchmarks.steps import configured
from spatialgan.dragging.drag import (
    DRAGS,
    GOING,
    DragSettings,
    Problem,
    default_feature_resolution,
    drag_states,
    snapshot_features,
)
from spatialgan.dragging.points import read, track
from spatialgan.dragging.unknowns import Latent
from spatialgan.networks.generator import Generator, SynthesisInputs
from spatialgan.snapshot import Snapshot, draw_samples, load_snapshot

PEER, OURS = "XingangPan/DragGAN", "ours"
PEER_TOLERANCE_PX = 2.0  # how near the peer calls there, at up to 512 px
CYCLE = 4  # steps of both per round


def random_snapshot() -> Snapshot:
    """Return an untrained generator of the size of the paper's models."""
    config = configured("cat/baseline/0", "paper", batch=4, precision="fp32")
    torch.manual_seed(0)
    generator = Generator(config.generator).requires_grad_(False)
    return Snapshot(generator, torch.zeros(512), config, 0.0)


def problems(snapshot: Snapshot, length: float, tolerance_px: float) -> Iterator[Problem]:
    """Yield drags of one sample each: from a pixel near the middle, `length` image widths in any direction."""
    config = snapshot.config.generator
    cells = default_feature_resolution(config.resolution)
    for index in range(1_000_000):
        samples = draw_samples(snapshot.config, 0, index, index + 1)
        ws = snapshot.generator.styles(samples.z, samples.layout)
        draws = torch.Generator().manual_seed(index)
        ends = torch.empty(2, 2)
        ends[0] = torch.rand(2, generator=draws) - 0.5
        angle = 2 * math.pi * torch.rand((), generator=draws).item()
        ends[1] = ends[0] + 2 * length * torch.tensor([math.sin(angle), math.cos(angle)])
        # on centers of pixels, which are all that the peer knows
        ends = ((ends.clamp(-0.9, 0.9) + 1) / 2 * config.resolution).floor()
        handle, target = ((2 * ends + 1) / config.resolution - 1)[:, None]
        yield Problem(
            snapshot_features(snapshot, cells),
            SynthesisInputs(torch.lerp(snapshot.w_avg, ws, 0.7), samples.layout, samples.noise),
            handle,
            target,
            torch.zeros(cells, cells),
            DragSettings(tolerance_px=tolerance_px, max_steps=1_000_000),
        )


def peer_weights(generator: Generator, noise: list[Tensor]) -> dict[str, Tensor]:
    """Return our weights under the names of StyleGAN2-ADA's synthesis network."""
    named, maps = {}, iter(noise)
    for block in generator.synthesis.blocks:
        stem = f"b{block.resolution}."
        if block.resolution == 4:
            named[f"{stem}const"] = generator.synthesis.const
        for index, conv in enumerate(block.convs):
            layer = f"{stem}conv{index + 2 - len(block.convs)}."
            named |= {f"{layer}{name}": value for name, value in conv.named_parameters()}
            named[f"{layer}noise_const"] = next(maps)[0, 0]
        named |= {f"{stem}torgb.{name}": value for name, value in block.to_rgb.named_parameters()}
    return named


class Peer:
    """The official renderer on our weights; a call is one step."""

    def __init__(self, checkout: Path, snapshot: Snapshot, problem: Problem):
        sys.path.insert(0, str(checkout))
        from training.networks_stylegan2 import Generator as PeerGenerator
        from viz.renderer import Renderer

        ours = snapshot.config.generator
        network = PeerGenerator(
            z_dim=ours.z_dim,
            c_dim=0,
            w_dim=ours.w_dim,
            img_resolution=ours.resolution,
            img_channels=3,
            channel_base=ours.channel_base,
            channel_max=ours.channel_max,
            num_fp16_res=0,
        )
        weights = peer_weights(snapshot.generator, problem.inputs.noise)
        wrong = network.synthesis.load_state_dict(weights, strict=False)
        assert not wrong.unexpected_keys, wrong
        assert all(name.endswith("resample_filter") for name in wrong.missing_keys), wrong
        px = ours.resolution / (2 * problem.fixed.shape[0])  # ours, in pixels of the image
        in_512 = 512 / ours.resolution * px
        self.settings = {
            "r1": problem.settings.motion_radius_px * in_512,
            "r2": problem.settings.tracking_radius_px * in_512,
            "feature_idx": int(math.log2(problem.fixed.shape[0])) - 2,
        }
        if px == 1 and ours.resolution == 256:
            self.settings |= {"r1": 3, "r2": 12}  # its defaults, which round to the same
        self.points, self.targets = (
            ((ends + 1) / 2 * ours.resolution).floor().int().tolist()
            for ends in (problem.handles, problem.targets)
        )
        self.renderer, self.stopped = Renderer(disable_timing=True), False
        name = "stylegan2"  # the peer infers the architecture from a file's name
        self.renderer._pkl_data[name] = {"G_ema": network}
        rate = Latent().rate / problem.fixed.shape[0]
        with contextlib.redirect_stdout(io.StringIO()):
            self.renderer.init_network(
                _Result(), pkl=name, w_load=problem.inputs.ws.clone(), w_plus=True, lr=rate
            )

    def step(self, index: int) -> None:
        """Take a step; the points are moved in place by the peer."""
        result = _Result()
        self.renderer._render_drag_impl(
            result, points=self.points, targets=self.targets, is_drag=True, **self.settings
        )
        self.stopped = result.stop

    def latent(self) -> Tensor:
        """Return the styles as they are now."""
        first = self.renderer.w.detach()
        return torch.cat([first[:, :6], self.renderer.w0[:, 6:]], dim=1)


class _Result(dict):
    """What the peer writes results into: a dict whose keys are attributes."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__


def cpu_seconds(candidates: dict[str, Callable[[int], object]], rounds: int) -> dict[str, float]:
    """Return each candidate's median CPU seconds per step, one thread, over alternating rounds.

    CPU time, because a step is short and what else a machine does can stop it for longer.
    """
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for step in candidates.values():
        step(0)
    for index in range(1, rounds * CYCLE + 1):
        for name, step in candidates.items():
            began = time.process_time()
            step(index)
            times[name].append(time.process_time() - began)
    return {name: statistics.median(values) for name, values in times.items()}


def our_steps(problem: Problem) -> Callable[[int], object]:
    """Return a function that takes a step of ours."""
    states = drag_states(problem, DRAGS["latent"])
    return lambda index: next(states)


def judged(problem: Problem, ws: Tensor) -> float:
    """Return how far the handle is from its target in image widths, found again in all of the image."""
    with torch.no_grad():
        before = problem.features(problem.inputs)
        after = problem.features(replace(problem.inputs, ws=ws))
    template = read(before, problem.handles[None])[:, 0]
    whole = 2 * problem.fixed.shape[0]
    return problem.to_go(track(after, problem.handles, template, whole)).item()


def ends(checkout: Path, snapshot: Snapshot, problem: Problem, cap: int) -> dict[str, tuple]:
    """Return steps and judged distance of both, each until it says it is there, or the cap."""
    limited = replace(problem, settings=replace(problem.settings, max_steps=cap))
    for state in drag_states(limited, DRAGS["latent"]):
        if state.outcome != GOING:
            ours = (state.step, judged(problem, state.inputs().ws))
    peer = Peer(checkout, snapshot, problem)
    for step in range(cap + 1):  # the call that finds it there takes no step
        peer.step(step)
        if peer.stopped:
            break
    return {OURS: ours, PEER: (min(step, cap), judged(problem, peer.latent()))}


@click.command()
@click.option("--peer", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--snapshot", "path", default="", help="The snapshot of a baseline.")
@click.option("--length", default=60 / 256, show_default=True, help="In image widths.")
@click.option("--rounds", default=5, show_default=True, help=f"Rounds of {CYCLE} steps each.")
@click.option("--drags", default=20, show_default=True, help="Whose ends are compared.")
@click.option("--cap", default=100, show_default=True, help="Steps of a drag, at most.")
def main(peer: Path, path: str, length: float, rounds: int, drags: int, cap: int) -> None:
    """Print steps/s of both and their ratio, then steps and final distances."""
    torch.set_num_threads(1)
    snapshot = load_snapshot(Path(path)) if path else random_snapshot()
    endless = next(problems(snapshot, length, tolerance_px=0.0))
    official = Peer(peer, snapshot, endless)
    seconds = cpu_seconds({OURS: our_steps(endless), PEER: official.step}, rounds)
    size = snapshot.config.generator.resolution
    print(f"{size} px, one thread, torch {torch.__version__}")
    for name, value in seconds.items():
        print(f"{name:20} {1 / value:8.2f} steps per CPU second   {seconds[PEER] / value:5.2f} x")
    results: dict[str, list] = {OURS: [], PEER: []}
    for _, problem in zip(
        range(drags), problems(snapshot, length, PEER_TOLERANCE_PX), strict=False
    ):
        for name, found in ends(peer, snapshot, problem, cap).items():
            results[name].append(found)
    for name, found in results.items():
        if found:
            steps, distances = zip(*found, strict=True)
            print(
                f"{name:20} {statistics.median(steps):5.0f} steps (median of {drags} drags), distance "
                f"left {statistics.fmean(distances):.4f} (mean), {statistics.median(distances):.4f} "
                f"(median) image widths"
            )


if __name__ == "__main__":
    main()
