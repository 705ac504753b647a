"""Scores of moves: the Co-move Ratio, what it is made of, and the controls that should be 0.

With an offset p and a shift q, both (y, x) in [-1, 1] units, the score of a move is (p . q) / |p|^2.
All numbers are ratios of sums over moves, so that one bootstrap over moves gives all intervals.

Shapes: n moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from spatialgan.evaluation.bootstrap import (
    Interval,
    Ratio,
    interval,
    intervals,
    resampled_sums,
)
from spatialgan.evaluation.matching import Track

BOOTSTRAP_SEED = 0
MIN_MATCHED = 50  # objects behind the numbers of a group: fewer say nothing


@dataclass(frozen=True)
class Observation:
    """What became of one move."""

    sample: int  # its index
    offset: tuple[float, float]  # p: how far the center was moved
    idle_offset: tuple[float, float]  # another draw of p, not applied
    object: Track  # the instance under the center
    bystander: Track  # a random other instance of the same image
    still: Track  # the instance under the center, with nothing moved; of some moves only
    part: Track  # the instance under one sub-heatmap, which alone moved; `object` where that is all
    part_offset: tuple[float, float]  # how far it was moved
    in_frame: int  # objects whose centers are inside the frame, the moved one included

    @staticmethod
    def from_json(document: dict) -> "Observation":
        """Return the observation that dataclasses.asdict made a document of."""
        parts = dict(document)
        for name in ("object", "bystander", "still", "part"):
            track = parts[name]
            parts[name] = Track(**{**track, "shift": tuple(track["shift"])})
        for name in ("offset", "idle_offset", "part_offset"):
            parts[name] = tuple(parts[name])
        return Observation(**parts)


def score(shift: tuple[float, float], offset: tuple[float, float]) -> float:
    """Return (p . q) / |p|^2 of a shift q under an offset p [paper, Co-move Ratio]."""
    (py, px), (qy, qx) = offset, shift
    return (py * qy + px * qx) / (py * py + px * px)


def scores(seen: Sequence[Observation]) -> tuple[dict[str, float], dict[str, Interval]]:
    """Return all numbers and their intervals by name; what no move can tell is left out."""
    if not seen:
        return {}, {}
    ratios = score_ratios(seen)
    found = intervals(ratios, BOOTSTRAP_SEED)
    values = {name: ratios[name].value for name in found}
    if "comove" in found and "chance" in found:
        values["corrected"] = beyond_chance(values["comove"], values["chance"])
        found["corrected"] = _corrected_interval(ratios["comove"], ratios["chance"])
    return values, found


def beyond_chance(comove: Any, chance: Any) -> Any:
    """Return (comove - chance) / (1 - chance), of numbers or arrays: 0 where moves score what idle offsets do, 1 for perfect obedience."""
    return (comove - chance) / (1 - chance)


def _corrected_interval(comove: Ratio, chance: Ratio) -> Interval:
    parts = (comove.numerator, comove.denominator, chance.numerator, chance.denominator)
    sums = resampled_sums(np.stack(parts, axis=1), BOOTSTRAP_SEED)
    with np.errstate(divide="ignore", invalid="ignore"):
        return interval(beyond_chance(sums[:, 0] / sums[:, 1], sums[:, 2] / sums[:, 3]))


def score_ratios(seen: Sequence[Observation]) -> dict[str, Ratio]:
    """Return every number as a ratio of sums over moves.

    comove: mean score of the moves whose object was found again. strict: mean over all moves, 0 where
    no object was under the center or it was not found again. coverage: fraction of moves with an object
    under the center. lost: fraction of those objects not found again. relabeled: fraction of those found
    again under another class. comove_whole and comove_cut: comove of the objects that do not, and do,
    touch the frame in one of the images. slope: of p . q / |p| on |p|, least squares through the origin.
    alone and alone_strict: comove and strict of single sub-heatmaps of any level that move alone.
    cross_talk: mean score of bystanders. unmoved: mean score with nothing moved (the null control).
    chance: mean score of q under an offset that was not applied; above 0 even for a renderer that obeys, since
    both offsets are drawn so as to keep the object in the frame.
    """
    objects, offsets = [one.object for one in seen], [one.offset for one in seen]
    there, matched = _flags(objects)
    is_cut = np.array([track.is_cut for track in objects], dtype=float)
    relabeled = np.array([t.is_matched and t.after != t.before for t in objects], dtype=float)
    value = _scores(objects, offsets)
    parts = [one.part for one in seen]
    part_value, (_, part_matched) = _scores(parts, [one.part_offset for one in seen]), _flags(parts)
    squares = np.square(offsets).sum(axis=1)
    ones = np.ones(len(seen))
    return {
        "comove": Ratio(value * matched, matched),
        "strict": Ratio(value * matched, ones),
        "coverage": Ratio(there, ones),
        "lost": Ratio(there - matched, there),
        "relabeled": Ratio(relabeled, matched),
        "comove_whole": Ratio(value * matched * (1 - is_cut), matched * (1 - is_cut)),
        "comove_cut": Ratio(value * matched * is_cut, matched * is_cut),
        "slope": Ratio(value * squares * matched, squares * matched),
        "alone": Ratio(part_value * part_matched, part_matched),
        "alone_strict": Ratio(part_value * part_matched, ones),
        "cross_talk": _mean_score([one.bystander for one in seen], offsets),
        "unmoved": _mean_score([one.still for one in seen], offsets),
        "chance": _mean_score(objects, [one.idle_offset for one in seen]),
    }


def class_scores(seen: Sequence[Observation]) -> dict[str, dict[str, float | int]]:
    """Return comove, its interval and the number of objects per class, most frequent class first.

    Classes of fewer than MIN_MATCHED matched objects have neither.
    """
    names = [one.object.before for one in seen if one.object.is_there]
    ordered = sorted(set(names), key=lambda name: (-names.count(name), name))
    return {name: _group([o for o in seen if o.object.before == name]) for name in ordered}


def count_scores(seen: Sequence[Observation]) -> dict[str, dict[str, float | int]]:
    """Return comove, its interval and the number of objects by how many objects were in the frame, fewest first.

    Counts of fewer than MIN_MATCHED matched objects have neither of the first two.
    """
    found = [one for one in seen if one.object.is_there]
    counts = sorted({one.in_frame for one in found})
    return {str(count): _group([o for o in found if o.in_frame == count]) for count in counts}


def _group(seen: Sequence[Observation]) -> dict[str, float | int]:
    ratio = score_ratios(seen)["comove"]
    found: dict[str, float | int] = {"objects": len(seen)}
    found["matched"] = int(ratio.denominator.sum())
    if found["matched"] >= MIN_MATCHED:
        bounds = intervals({"comove": ratio}, BOOTSTRAP_SEED)["comove"]
        found |= {"comove": ratio.value, "low": bounds.low, "high": bounds.high}
    return found


def _flags(tracks: Sequence[Track]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return, as 0 and 1, which tracks had an instance to follow and which found it again."""
    there = np.array([track.is_there for track in tracks], dtype=float)
    return there, np.array([track.is_matched for track in tracks], dtype=float)


def _scores(
    tracks: Sequence[Track], offsets: Sequence[tuple[float, float]]
) -> Float[np.ndarray, " n"]:
    pairs = zip(tracks, offsets, strict=True)
    return np.array([score(track.shift, offset) for track, offset in pairs])


def _mean_score(tracks: Sequence[Track], offsets: Sequence[tuple[float, float]]) -> Ratio:
    """Return the mean score of the tracks that were found again."""
    _, matched = _flags(tracks)
    return Ratio(_scores(tracks, offsets) * matched, matched)
