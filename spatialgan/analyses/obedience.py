"""What the Co-move Ratio of perfect obedience is: drawn bedrooms in which one piece of furniture really moves.

Every bedroom is drawn twice, the second time with one piece at another place. Segmenting and matching are those of the
measure `comove`, but the way that the piece went is known. What is missing to 1 is the segmenter's and the matching's:
with the drawings as they are, and damaged, as a generator's images are.
"""

from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from spatialgan import drawn
from spatialgan.analyses.findings import Table, mean_of
from spatialgan.analyses.requests import FIRST_INDEX
from spatialgan.drawn import bedroom
from spatialgan.drawn.canvas import Drawing
from spatialgan.evaluation.comove import segment
from spatialgan.evaluation.comove_scores import score
from spatialgan.evaluation.matching import follow
from spatialgan.extractors.corruptions import CORRUPTIONS
from spatialgan.segmenters.instances import Instances, centroids
from spatialgan.segmenters.registry import Segmenter
from spatialgan.segmenters.truth import whole_objects

DATASET = "bedroom"  # whose objects have places of their own
PIECES = 3  # the one to move is among the first ones drawn
LEAST_WAY = 0.2  # shorter ways of a mean position are not scored; in [-1, 1] units
LEAST_AREA = 0.01  # of the frame, visible in both pictures
LEAST = 10  # pieces; fewer say nothing
DAMAGES = (("", 0.0), ("blur", 0.4), ("noise", 0.3), ("warp", 0.6), ("patches", 0.2), ("fade", 0.5))


def drawn_moves(
    table: Table, dataset: str, segmenter: Segmenter, num: int, resolution: int
) -> None:
    """Put into the table the Co-move Ratio of moves in `num` drawn scenes, by damage; only bedrooms are drawn so."""
    if dataset != DATASET:
        return
    indices = range(FIRST_INDEX, FIRST_INDEX + num)
    pairs = [(draw(i, resolution, None), draw(i, resolution, i % PIECES)) for i in indices]
    for damage, strength in DAMAGES:
        seen, scores = _score_moves(pairs, segmenter, damage, strength)
        row = f"{dataset}, {damage or 'as drawn'}"
        if len(seen) >= LEAST:
            table.put(row, "moved piece is seen", mean_of(seen))
        if np.isfinite(scores).sum() >= LEAST:
            table.put(row, "and found again", mean_of(np.isfinite(scores).astype(float)))
            table.put(row, "Co-move Ratio", mean_of(scores))


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

    with patch.object(bedroom, "find_spot", elsewhere):  # the drawing has no such choice of its own
        return drawn.draw(DATASET, 0, index, resolution)


def moved_piece(before: Instances, after: Instances) -> tuple[int, int] | None:
    """Return the indices of the piece that went furthest, of those with names of their own; None if none went far."""
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


def overlapping(found: Instances, mask: Bool[Tensor, "r r"]) -> int | None:
    """Return the instance that covers a mask best, None if none has an IoU above a half."""
    if len(found) == 0:
        return None
    iou = (found.masks & mask).sum(dim=(1, 2)) / (found.masks | mask).sum(dim=(1, 2))
    return int(iou.argmax()) if iou.max() > 0.5 else None


def pixels(scenes: Sequence[Drawing], damage: str, strength: float) -> UInt8[Tensor, "n 3 r r"]:
    """Return the scenes' images, damaged by a key of CORRUPTIONS, "" for none."""
    images = torch.from_numpy(np.stack([scene.image for scene in scenes])).permute(0, 3, 1, 2)
    if not damage:
        return images.contiguous()
    strengths = torch.full((len(images),), strength)
    generator = torch.Generator().manual_seed(len(images))
    damaged = CORRUPTIONS[damage](images / 127.5 - 1, strengths, generator)
    return ((damaged.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def _score_moves(
    pairs: Sequence[tuple[Drawing, Drawing]], segmenter: Segmenter, damage: str, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return of each moved piece whether it is seen, and of each that is its ratio, NaN if it isn't found again."""
    sides = [pixels(side, damage, strength) for side in zip(*pairs, strict=True)]
    before, after = (segment(segmenter, side) for side in sides)
    are_seen, scores = [], []
    for pair, first, second in zip(pairs, before, after, strict=True):
        truth = [whole_objects(scene) for scene in pair]
        piece = moved_piece(*truth)
        if piece is None:
            continue
        seen = overlapping(first, truth[0].masks[piece[0]])
        are_seen.append(seen is not None)
        if seen is not None:
            start, end = (centroids(t.masks[i][None])[0] for t, i in zip(truth, piece, strict=True))
            track = follow(seen, first, second)
            y, x = (end - start).tolist()
            scores.append(score(track.shift, (y, x)) if track.is_matched else np.nan)
    return np.array(are_seen, dtype=float), np.array(scores, dtype=float)
