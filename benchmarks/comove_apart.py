"""Where a multi-object generator obeys: the Co-move Ratio of moves far from and near other heatmaps.

    python -m benchmarks.comove_apart SNAPSHOT WEIGHTS [--moves 1000]

SNAPSHOT is a run's generator.safetensors, WEIGHTS a torchvision segmenter's model.safetensors. A move is
*apart* where its center is more than --distance from every other center, before and after. Heatmaps that
overlap share what is drawn there, so an object goes with one of them by halves.
"""

from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch

from spatialgan.evaluation.comove import observe
from spatialgan.evaluation.comove_scores import score_ratios
from spatialgan.evaluation.segmenters import open_segmenter
from spatialgan.evaluation.trials import Trials, snapshot_source, trial_batches
from spatialgan.heatmaps.moves import move_objects, objects
from spatialgan.inference import load_snapshot


def nearest_other(trials: Trials) -> torch.Tensor:
    """Return the distance of each trial's center to the nearest other one, the lesser of before and after [n]."""
    layout = trials.samples.layout
    moved = move_objects(layout, trials.objects, trials.offsets)
    rows = torch.arange(len(trials))
    least = []
    for state in (layout, moved):
        centers = objects(state).centers
        distances = (centers - centers[rows, trials.objects][:, None]).norm(dim=2)
        distances[rows, trials.objects] = torch.inf
        least.append(distances.amin(dim=1))
    return torch.stack(least).amin(dim=0)


@click.command()
@click.argument("snapshot", type=click.Path(exists=True, path_type=Path))
@click.argument("weights", type=click.Path(exists=True, path_type=Path))
@click.option("--moves", default=1000, show_default=True, help="Moves to make.")
@click.option("--distance", default=0.7, show_default=True, help="In [-1, 1] units.")
def main(snapshot: Path, weights: Path, moves: int, distance: float) -> None:
    """Print the Co-move Ratio by distance from other heatmaps, by direction and by height in the frame."""
    source = snapshot_source(load_snapshot(snapshot, "cpu"), 0)
    segmenter = open_segmenter("torchvision", weights, "cpu")
    seen, apart, heights = [], [], []
    for trials in trial_batches(source, 0, moves, 0, 32):
        seen += observe(trials, source, segmenter)
        apart.append(nearest_other(trials) > distance)
        heights.append(trials.centers()[:, 0])
    far, y = torch.cat(apart).numpy(), torch.cat(heights).numpy()
    upright = np.array([abs(one.offset[0]) > abs(one.offset[1]) for one in seen])
    groups = {
        "all": np.ones(len(seen), dtype=bool),
        f"more than {distance} from other centers": far,
        "nearer to one": ~far,
        "mostly vertical": upright,
        "mostly horizontal": ~upright,
        "from the upper half": y < 0,
        "from the lower half": y >= 0,
    }
    lines = []
    for name, chosen in groups.items():
        ratios = score_ratios(
            [one for one, is_chosen in zip(seen, chosen, strict=True) if is_chosen]
        )
        comove = ratios["comove"]
        error = comove.numerator[comove.denominator > 0].std() / comove.denominator.sum() ** 0.5
        row = {"moves": name, "count": int(chosen.sum()), "coverage": ratios["coverage"].value}
        lines.append(row | {"comove": comove.value, "standard error": error})
    click.echo(pd.DataFrame(lines).round(2).to_markdown(index=False))


if __name__ == "__main__":
    main()
