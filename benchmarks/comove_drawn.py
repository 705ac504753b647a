"""What the Co-move Ratio of perfect obedience is, with a trained segmenter: drawn bedrooms with one piece moved.

    python -m benchmarks.comove_drawn WEIGHTS [--scenes 600]

WEIGHTS is a torchvision segmenter's model.safetensors. Every bedroom is drawn twice, the second time with
one piece of furniture at another place. Segmenting and matching are those of `spatialgan comove`, the way
that the piece went is the ground truth's. What is missing to 1 is the segmenter's and the matching's.
"""

from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import click
import numpy as np
import pandas as pd
import torch

from benchmarks.attention_masks import FIRST_INDEX
from spatialgan.data.scenes import bedroom
from spatialgan.data.scenes.canvas import Scene
from spatialgan.evaluation.comove import segment
from spatialgan.evaluation.comove_scores import score
from spatialgan.evaluation.instances import Instances, centroids
from spatialgan.evaluation.matching import follow
from spatialgan.evaluation.scene_truth import draw_scene, whole_objects
from spatialgan.evaluation.segmenters import open_segmenter

LEAST_WAY = 0.2  # shorter ways of a mean position are not scored; in [-1, 1] units
LEAST_AREA = 0.01  # of the frame, visible in both pictures
BATCH = 32


def draw(index: int, resolution: int, moved: int | None) -> Scene:
    """Return a bedroom; with piece number `moved`, in the order of drawing, at another free place."""
    place, count = bedroom._spot, -1

    def elsewhere(rng, room, width, length, taken):
        nonlocal count
        count += 1
        spot = place(rng, room, width, length, taken)
        if count != moved or spot is None:
            return spot
        other = np.random.default_rng(index)
        return place(other, room, spot.right - spot.left, length, taken) or spot

    with patch.object(bedroom, "_spot", elsewhere):
        return draw_scene("bedroom", 0, index, resolution)


def moved_piece(before: Instances, after: Instances) -> tuple[int, int] | None:
    """Return the indices of the piece that went furthest, of those with a name of their own."""
    ways = {}
    for i, name in enumerate(before.classes):
        if before.classes.count(name) == 1 == after.classes.count(name):
            j = after.classes.index(name)
            pair = torch.stack([before.masks[i], after.masks[j]])
            start, end = centroids(pair)
            if pair.float().mean(dim=(1, 2)).min() > LEAST_AREA:
                ways[i, j] = float((end - start).norm())
    best = max(ways, key=ways.get, default=None)
    return best if best is not None and ways[best] > LEAST_WAY else None


def overlapping(found: Instances, mask: torch.Tensor) -> int | None:
    """Return the instance that covers a mask best, None where none has an IoU above a half."""
    if len(found) == 0:
        return None
    iou = (found.masks & mask).sum(dim=(1, 2)) / (found.masks | mask).sum(dim=(1, 2))
    return int(iou.argmax()) if iou.max() > 0.5 else None


def pixels(scenes: Sequence[Scene]) -> torch.Tensor:
    """Return the scenes' images as bytes [n, 3, r, r]."""
    return torch.from_numpy(np.stack([scene.image for scene in scenes])).permute(0, 3, 1, 2)


@click.command()
@click.argument("weights", type=click.Path(exists=True, path_type=Path))
@click.option("--scenes", default=600, show_default=True, help="Bedrooms to draw twice.")
@click.option("--resolution", default=32, show_default=True, help="Pixels along an axis.")
def main(weights: Path, scenes: int, resolution: int) -> None:
    """Print the Co-move Ratio of drawn moves, and how many pieces are found again."""
    segmenter = open_segmenter("torchvision", weights, "cpu")
    lines = []
    for start in range(FIRST_INDEX, FIRST_INDEX + scenes, BATCH):
        indices = range(start, min(start + BATCH, FIRST_INDEX + scenes))
        pairs = [(draw(i, resolution, None), draw(i, resolution, i % 3)) for i in indices]
        found = [segment(segmenter, pixels(side).contiguous()) for side in zip(*pairs, strict=True)]
        for pair, before, after in zip(pairs, *found, strict=True):
            truth = [whole_objects(scene) for scene in pair]
            piece = moved_piece(*truth)
            seen = None if piece is None else overlapping(before, truth[0].masks[piece[0]])
            if seen is not None:
                start_at, end_at = (
                    centroids(t.masks[i][None])[0] for t, i in zip(truth, piece, strict=True)
                )
                track = follow(seen, before, after)
                way = tuple((end_at - start_at).tolist())
                lines.append(score(track.shift, way) if track.is_matched else np.nan)
    scored = pd.Series(lines)
    click.echo(
        f"Co-move Ratio {scored.mean():.3f} ± {scored.sem():.3f} (standard error) of {scored.count()} "
        f"pieces; {scored.isna().sum()} of {len(scored)} not found again"
    )


if __name__ == "__main__":
    main()
