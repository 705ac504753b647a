"""What a Co-move evaluation spends its time on: everything but the segmenter should cost at most 20 %.

    python -m benchmarks.comove SNAPSHOT WEIGHTS [--segmenter torchvision] [--moves 64]

Runs the evaluation as `spatialgan measure --what comove` does, with a stopwatch around the renderer and the segmenter, and
takes the median over rounds of each part's share: shares are of one run, so a busy machine slows all parts.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch

from spatialgan.evaluation.comove import observations_in, observe_moves
from spatialgan.evaluation.comove_scores import class_scores, scores
from spatialgan.evaluation.trials import Renderer, snapshot_renderer
from spatialgan.segmenters.registry import Segmenter, open_segmenter
from spatialgan.snapshot import load_snapshot

SEED = 0  # of the samples and moves
FILE = click.Path(exists=True, path_type=Path)


class Stopwatch:
    """A function that remembers how long its calls took, in seconds, and how many images they saw."""

    def __init__(self, function: Callable, count: Callable[[Any], int]) -> None:
        self.function, self.count = function, count
        self.seconds, self.images = 0.0, 0

    def __call__(self, images: Any) -> Any:
        started = now()
        result = self.function(images)
        self.seconds += now() - started
        self.images += self.count(images)
        return result


class TimedSegmenter(Stopwatch):
    """A segmenter with a stopwatch."""

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__(segmenter, len)
        self.name, self.sha256 = segmenter.name, segmenter.sha256


def now() -> float:
    """Return the time in seconds, after what a GPU has been asked to do is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def time_parts(renderer: Renderer, segmenter: Segmenter, num_moves: int) -> dict[str, float]:
    """Return the seconds of an evaluation's parts, and how many images were segmented."""
    rendering = Stopwatch(renderer.render, lambda samples: len(samples.layout))
    segmenting = TimedSegmenter(segmenter)
    started = now()
    timed = replace(renderer, render=rendering)
    seen = observations_in(observe_moves(timed, segmenting, num_moves, ()))
    observed = now()
    scores(seen)
    class_scores(seen)
    ended = now()
    matching = observed - started - rendering.seconds - segmenting.seconds
    return {
        "segmenting": segmenting.seconds,
        "rendering": rendering.seconds,
        "drawing and matching": matching,
        "bootstrap": ended - observed,
        "total": ended - started,
        "images": segmenting.images,
    }


@click.command()
@click.argument("snapshot", type=FILE)
@click.argument("weights", type=FILE)
@click.option("--segmenter", default="torchvision", show_default=True)
@click.option("--moves", default=64, show_default=True, help="Moves in a round.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--threads", default=1, show_default=True)
def main(
    snapshot: Path, weights: Path, segmenter: str, moves: int, rounds: int, threads: int
) -> None:
    """Print the share of each part, and images per second."""
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    renderer = snapshot_renderer(load_snapshot(snapshot, device), SEED)
    opened = open_segmenter(segmenter, weights, device)
    time_parts(renderer, opened, 8)  # warm
    found = [time_parts(renderer, opened, moves) for _ in range(rounds)]
    shares = {
        part: statistics.median(one[part] / one["total"] for one in found)
        for part in found[0]
        if part not in ("total", "images")
    }
    rate = statistics.median(one["images"] / one["total"] for one in found)
    print(f"{segmenter} on {device}, {threads} thread(s), {moves} moves, median of {rounds} rounds")
    for part, share in shares.items():
        print(f"{part:22} {share:6.1%}")
    print(f"everything but the segmenter {1 - shares['segmenting']:.1%}   {rate:.1f} images/s")


if __name__ == "__main__":
    main()
