"""What the Co-move Ratio of perfect obedience is, with a trained segmenter: drawn bedrooms with one piece moved.

    python -m analyses.comove_drawn WEIGHTS -o FILE [--scenes 600]

WEIGHTS is those of a torchvision segmenter. Every bedroom is drawn twice, the second time with
one piece of furniture at another place. Segmenting and matching are those of the measure `comove`, but the
way that the piece went is known. What is missing to 1 is the segmenter's and the matching's: with
the drawings as they are, and damaged, as a generator's images are.
"""

from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import click
import numpy as np
import pandas as pd
import torch

from analyses.documents import lines_of, output_option, write_document
from spatialgan import drawn
from spatialgan.analyses.requests import FIRST_INDEX
from spatialgan.drawn import bedroom
from spatialgan.drawn.canvas import Drawing
from spatialgan.evaluation.comove import segment
from spatialgan.evaluation.comove_scores import score
from spatialgan.evaluation.matching import follow
from spatialgan.extractors.corruptions import CORRUPTIONS
from spatialgan.segmenters.instances import Instances, centroids
from spatialgan.segmenters.registry import Segmenter, open_segmenter
from spatialgan.segmenters.truth import whole_objects

LEAST_WAY = 0.2  # shorter ways of a mean position are not scored; in [-1, 1] units
LEAST_AREA = 0.01  # of the frame, visible in both pictures
DAMAGES = (("", 0.0), ("blur", 0.4), ("noise", 0.3), ("warp", 0.6), ("patches", 0.2), ("fade", 0.5))


def draw(index: int, resolution: int, moved: int | None) -> Drawing:
    """Return a bedroom; with piece number `moved`, in the order of drawing, at another free place."""
    place, count = bedroom.find_spot, -1

    def elsewhere(rng, room, width, length, taken):
        nonlocal count
        count += 1
        spot = place(rng, room, width, length, taken)
        if count != moved or spot is None:
            return spot
        other = np.random.default_rng(index)
        return place(other, room, spot.right - spot.left, length, taken) or spot

    with patch.object(bedroom, "find_spot", elsewhere):
        return drawn.draw("bedroom", 0, index, resolution)


def moved_piece(before: Instances, after: Instances) -> tuple[int, int] | None:
    """Return the indices of the piece that went furthest, of those with their own names."""
    ways = {}
    for i, name in enumerate(before.classes):
        if before.classes.count(name) == 1 == after.classes.count(name):
            j = after.classes.index(name)
            pair = torch.stack([before.masks[i], after.masks[j]])
            start, end = centroids(pair)
            if pair.float().mean(dim=(1, 2)).min() > LEAST_AREA:
                ways[i, j] = float((end - start).norm())
    best = max(ways, key=lambda pair: ways[pair], default=None)
    return best if best is not None and ways[best] > LEAST_WAY else None


def overlapping(found: Instances, mask: torch.Tensor) -> int | None:
    """Return the instance that covers a mask best, None if none has an IoU above a half."""
    if len(found) == 0:
        return None
    iou = (found.masks & mask).sum(dim=(1, 2)) / (found.masks | mask).sum(dim=(1, 2))
    return int(iou.argmax()) if iou.max() > 0.5 else None


def pixels(scenes: Sequence[Drawing], damage: str, strength: float) -> torch.Tensor:
    """Return the scenes' images as bytes [n, 3, r, r], damaged by a key of CORRUPTIONS, "" for none."""
    images = torch.from_numpy(np.stack([scene.image for scene in scenes])).permute(0, 3, 1, 2)
    if not damage:
        return images.contiguous()
    strengths = torch.full((len(images),), strength)
    generator = torch.Generator().manual_seed(len(images))
    damaged = CORRUPTIONS[damage](images / 127.5 - 1, strengths, generator)
    return ((damaged.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def score_moves(
    pairs: Sequence[tuple[Drawing, Drawing]], segmenter: Segmenter, damage: str, strength: float
) -> dict:
    """Return the Co-move Ratio of the moved pieces that are seen, and how many are found again."""
    sides = [pixels(side, damage, strength) for side in zip(*pairs, strict=True)]
    before, after = ([*segment(segmenter, side)] for side in sides)
    pieces, scores = 0, []
    for pair, first, second in zip(pairs, before, after, strict=True):
        truth = [whole_objects(scene) for scene in pair]
        piece = moved_piece(*truth)
        if piece is None:
            continue
        pieces += 1
        seen = overlapping(first, truth[0].masks[piece[0]])
        if seen is not None:
            start, end = (centroids(t.masks[i][None])[0] for t, i in zip(truth, piece, strict=True))
            track = follow(seen, first, second)
            way = tuple((end - start).tolist())
            scores.append(score(track.shift, way) if track.is_matched else np.nan)
    scored = pd.Series(scores, dtype=float)
    return {
        "damage": damage or "none",
        "strength": strength,
        "moved": pieces,
        "seen": len(scored) / pieces,
        "found_again": scored.count() / max(len(scored), 1),
        "comove": scored.mean(),
        "standard_error": scored.sem(),
    }


def measure_drawn(weights: Path, num_scenes: int, resolution: int) -> dict:
    """Return the Co-move Ratio of drawn moves, and how many pieces are seen and found again, by damage."""
    segmenter = open_segmenter("torchvision", weights, "cpu")
    indices = range(FIRST_INDEX, FIRST_INDEX + num_scenes)
    pairs = [(draw(i, resolution, None), draw(i, resolution, i % 3)) for i in indices]
    lines = [score_moves(pairs, segmenter, *damage) for damage in DAMAGES]
    return {
        "segmenter_sha256": segmenter.sha256,
        "num_scenes": num_scenes,
        "resolution": resolution,
        "damages": lines_of(pd.DataFrame(lines)),
    }


@click.command()
@click.argument("weights", type=click.Path(exists=True, path_type=Path))
@click.option("--scenes", default=600, show_default=True, help="Bedrooms to draw twice.")
@click.option("--resolution", default=32, show_default=True, help="Pixels along an axis.")
@output_option
def main(weights: Path, scenes: int, resolution: int, output: Path) -> None:
    """Write the Co-move Ratio of drawn moves, and how many pieces are seen and found again."""
    write_document(output, measure_drawn(weights, scenes, resolution))


if __name__ == "__main__":
    main()
