"""What happens to moved objects: where a generator's Co-move Ratio is won and lost.

    python -m analyses.comove_fates SNAPSHOT WEIGHTS -o FILE [--moves 1000] [--objects all|alone|inside]

SNAPSHOT is of a trained generator, WEIGHTS are those of a torchvision segmenter. The ratio follows what looks most
like the object. This says whether that stands under the heatmap's new center and, if not, what does: nothing (the
object vanished on its way), something of another class (it became that), or something of its class (the two look
alike, and the match may be at fault). With `--objects alone` the other objects of a scene are absent before and after
the move; with `--objects inside` all of them are in the frame, as in a scene to be edited.
"""

from dataclasses import replace
from pathlib import Path

import click
import pandas as pd
import torch
from jaxtyping import Int
from torch import Tensor

from analyses.documents import lines_of, output_option, write_document
from spatialgan.evaluation.comove import segment
from spatialgan.evaluation.comove_scores import score
from spatialgan.evaluation.matching import Track, follow, instance_under
from spatialgan.evaluation.trials import Renderer, Trials, snapshot_renderer, trial_batches
from spatialgan.heatmaps.layout import Layout
from spatialgan.heatmaps.moves import gaussians, move_objects
from spatialgan.heatmaps.samplers import all_inside
from spatialgan.segmenters.instances import Instances
from spatialgan.segmenters.registry import Segmenter, open_segmenter
from spatialgan.snapshot import load_hashed

SAMPLE_SEED = 0  # of latents, layouts, noise and moves
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
    (only,) = layout.levels
    level = gaussians(only)
    kept = torch.arange(level.presence.shape[1]) == chosen[:, None]
    return Layout((replace(level, presence=level.presence * kept),), len(layout))


def fates(trials: Trials, renderer: Renderer, segmenter: Segmenter, objects: str) -> list[dict]:
    """Return a line per trial whose center has an instance: its fate, score, direction and place."""
    samples = trials.samples
    if objects == "alone":
        samples = replace(samples, layout=alone(samples.layout, trials.objects))
    layout = move_objects(samples.layout, trials.objects, trials.offsets)
    before = segment(segmenter, renderer.render(samples))
    after = segment(segmenter, renderer.render(replace(samples, layout=layout)))
    lines = []
    places = zip(trials.centers(), trials.sigmas().tolist(), trials.offsets, strict=True)
    for i, (center, sigma, offset) in enumerate(places):
        index = instance_under(center, sigma, before[i])
        if index is not None:
            under = instance_under(center + offset, sigma, after[i])
            track = follow(index, before[i], after[i])
            lines.append(
                {
                    "fate": fate(index, under, track, before[i], after[i]),
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
    """Return share, fate and score of the moved objects of each group."""
    groups = lines.groupby(by)["score"]
    table = groups.agg(count="size", found="count", comove="mean", standard_error="sem")
    table.insert(0, "share", table["count"] / len(lines))
    table.insert(1, "there", lines["fate"].eq("there").groupby(lines[by]).mean())
    return table.reset_index()


def measure_fates(snapshot_path: Path, weights: Path, num_moves: int, objects: str) -> dict:
    """Return shares and Co-move Ratios of moved objects by what became of them, by direction and by place.

    `objects` says which objects the scenes have: "all", the moved one "alone", or all of them "inside" the frame.
    """
    snapshot, sha256 = load_hashed(snapshot_path, "cpu")
    if objects == "inside":
        config = replace(snapshot.config, sampling=all_inside(snapshot.config.sampling))
        snapshot = replace(snapshot, config=config)
    renderer = snapshot_renderer(snapshot, SAMPLE_SEED)
    segmenter = open_segmenter("torchvision", weights, "cpu")
    lines = pd.DataFrame(
        [
            line
            for trials in trial_batches(renderer, SAMPLE_SEED, num_moves, 0, 32)
            for line in fates(trials, renderer, segmenter, objects)
        ]
    )
    return {
        "run": snapshot.config.name,
        "snapshot_sha256": sha256,
        "segmenter_sha256": segmenter.sha256,
        "objects": objects,
        "num_moves": num_moves,
        "num_seen": len(lines),  # moves with an object under the center
        "comove": lines["score"].mean(),
        "standard_error": lines["score"].sem(),
        **{f"by_{by}": lines_of(_summary(lines, by)) for by in ("fate", "direction", "place")},
    }


@click.command()
@click.argument("snapshot", type=click.Path(exists=True, path_type=Path))
@click.argument("weights", type=click.Path(exists=True, path_type=Path))
@click.option("--moves", default=1000, show_default=True, help="Moves to make.")
@click.option(
    "--objects",
    default="all",
    show_default=True,
    type=click.Choice(["all", "alone", "inside"]),
    help="Which objects the scenes have.",
)
@output_option
def main(snapshot: Path, weights: Path, moves: int, objects: str, output: Path) -> None:
    """Write shares and Co-move Ratios of moved objects by what became of them, by direction and by place."""
    write_document(output, measure_fates(snapshot, weights, moves, objects))


if __name__ == "__main__":
    main()
