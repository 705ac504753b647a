"""What becomes of moved objects: where the Co-move Ratio of a generator is won and lost.

    python -m analyses.comove_fates SNAPSHOT WEIGHTS [--moves 1000] [--alone | --inside]

SNAPSHOT is a run's generator.safetensors, WEIGHTS a torchvision segmenter's model.safetensors. The ratio
follows what looks most like the object. This says whether that stands under the heatmap's new center and,
where it doesn't, what does: nothing (the object vanished on its way), something of another class (it
became that), or something of its class (the two look alike, and the match may be at fault). With --alone
the other objects of a scene of several are absent, before and after the move; with --inside all of them are
in the frame, as in a scene to be edited.
"""

from dataclasses import replace
from pathlib import Path

import click
import pandas as pd
import torch
from jaxtyping import Int
from torch import Tensor

from spatialgan.evaluation.comove import segment
from spatialgan.evaluation.comove_scores import score
from spatialgan.evaluation.matching import Track, follow, instance_under
from spatialgan.evaluation.trials import Source, Trials, snapshot_source, trial_batches
from spatialgan.heatmaps.layout import Layout
from spatialgan.heatmaps.moves import move_objects
from spatialgan.heatmaps.samplers import all_inside
from spatialgan.segmenters.instances import Instances
from spatialgan.segmenters.registry import Segmenter, open_segmenter
from spatialgan.snapshot import load_snapshot

EDGE = 0.7  # of a half width: a heatmap that is centered beyond has much of its disc out of sight


def fate(index: int, under: int | None, track: Track, before: Instances, after: Instances) -> str:
    """Return what became of instance `index`, given the instance under the new center and its track."""
    if under is None:
        return "vanished"
    nearest = int((after.features @ before.features[index]).argmax())
    if track.is_matched and nearest == under:
        return "there"
    is_same = after.classes[under] == before.classes[index]
    return "there by class, another looks more alike" if is_same else "became something else"


def alone(layout: Layout, chosen: Int[Tensor, " n"]) -> Layout:
    """Return the layout, of one level, in which only one object of each sample is present."""
    (level,) = layout.levels
    kept = torch.arange(level.presence.shape[1]) == chosen[:, None]
    return Layout((replace(level, presence=level.presence * kept),), len(layout))


def fates(trials: Trials, source: Source, segmenter: Segmenter, is_alone: bool) -> list[dict]:
    """Return a line per trial whose center has an instance: its fate, score, direction and place."""
    samples = trials.samples
    if is_alone:
        samples = replace(samples, layout=alone(samples.layout, trials.objects))
    layout = move_objects(samples.layout, trials.objects, trials.offsets)
    before = segment(segmenter, source.render(samples))
    after = segment(segmenter, source.render(replace(samples, layout=layout)))
    lines = []
    places = zip(trials.centers(), trials.sigmas().tolist(), trials.offsets, strict=True)
    for row, (center, sigma, offset) in enumerate(places):
        index = instance_under(center, sigma, before[row])
        if index is not None:
            under = instance_under(center + offset, sigma, after[row])
            track = follow(index, before[row], after[row])
            lines.append(
                {
                    "fate": fate(index, under, track, before[row], after[row]),
                    "score": _score(track.shift, offset) if track.is_matched else float("nan"),
                    "direction": "vertical" if offset[0].abs() > offset[1].abs() else "horizontal",
                    "place": f"{_place(center)} to {_place(center + offset)}",
                }
            )
    return lines


def _place(center: Tensor) -> str:
    return "edge" if center.abs().max() > EDGE else "middle"


def _score(shift: tuple[float, float], offset: Tensor) -> float:
    y, x = offset.tolist()
    return score(shift, (y, x))


def _summary(lines: pd.DataFrame, by: str) -> pd.DataFrame:
    groups = lines.groupby(by)["score"]
    table = groups.agg(count="size", found="count", comove="mean")
    table["standard error"] = groups.std() / table["found"] ** 0.5
    table.insert(0, "share", table["count"] / len(lines))
    table.insert(1, "there", lines["fate"].eq("there").groupby(lines[by]).mean())
    return table.round(2)


@click.command()
@click.argument("snapshot", type=click.Path(exists=True, path_type=Path))
@click.argument("weights", type=click.Path(exists=True, path_type=Path))
@click.option("--moves", default=1000, show_default=True, help="Moves to make.")
@click.option("--alone", "is_alone", is_flag=True, help="Without the other objects.")
@click.option("--inside", "is_inside", is_flag=True, help="With all objects in the frame.")
def main(snapshot: Path, weights: Path, moves: int, is_alone: bool, is_inside: bool) -> None:
    """Print shares and Co-move Ratios of moved objects by what became of them, by direction and by place."""
    loaded = load_snapshot(snapshot, "cpu")
    if is_inside:
        config = replace(loaded.config, sampling=all_inside(loaded.config.sampling))
        loaded = replace(loaded, config=config)
    source = snapshot_source(loaded, 0)
    segmenter = open_segmenter("torchvision", weights, "cpu")
    found = [
        line
        for trials in trial_batches(source, 0, moves, 0, 32)
        for line in fates(trials, source, segmenter, is_alone)
    ]
    lines = pd.DataFrame(found)
    for by in ("fate", "direction", "place"):
        click.echo(_summary(lines, by).to_markdown() + "\n")
    scores = lines["score"]
    click.echo(
        f"Co-move Ratio {scores.mean():.2f} ± {scores.sem():.2f} (standard error), "
        f"{len(lines)} objects under a center, {moves} moves"
    )


if __name__ == "__main__":
    main()
