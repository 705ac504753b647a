"""What a Co-move Ratio is made of: what becomes of moved objects, how the ratio measures, and what the data allows.

The ratio follows what looks most like the moved object. `fates` says whether that stands under the heatmap's new center
and, if not, what does: nothing (the object vanished on its way), something of another class (it became that), or
something of its class (the two look alike, and the match may be at fault). Scenes are as drawn, with the moved object
alone, or with all objects in the frame, as in a scene to be edited.

Two controls stand beside: what drawings score in which an object really moves (obedience.py), and how far objects stand
apart in the data at all (placement.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int
from matplotlib.figure import Figure
from torch import Tensor

from spatialgan.analyses.findings import Findings, Table, mean_of
from spatialgan.analyses.obedience import drawn_moves
from spatialgan.analyses.placement import placements
from spatialgan.analyses.requests import SEED, Request, Subject
from spatialgan.evaluation.comove import segment
from spatialgan.evaluation.comove_scores import score
from spatialgan.evaluation.matching import Track, follow, instance_under
from spatialgan.evaluation.trials import Renderer, Trials, snapshot_renderer, trial_batches
from spatialgan.heatmaps.layout import Layout
from spatialgan.heatmaps.moves import gaussians, move_objects
from spatialgan.heatmaps.samplers import all_inside
from spatialgan.segmenters.instances import Instances
from spatialgan.segmenters.registry import Segmenter

EDGE = 0.7  # of a half width: a heatmap that is centered beyond has much of its disc out of sight
LEAST = 10  # objects behind a row or a cell; fewer say nothing
BATCH = 32
FATES = ("there", "another of its class", "something else", "vanished")
ALONE, INSIDE = "the moved one alone", "all in the frame"
COLORS = ("#2a9d8f", "#e9c46a", "#e76f51", "#adb5bd")  # of FATES
OBJECTS = ("as drawn", ALONE, INSIDE)
CAPTION = (
    "What stands under the new center of the heatmap of a moved object: the object, another of its class, something"
    " else, or nothing. Scenes as drawn; only objects that are seen before the move."
)


@dataclass(frozen=True)
class Fate:
    """What became of a moved object."""

    fate: str  # of FATES
    score: float  # its Co-move Ratio; NaN if it isn't found again
    direction: str
    place: str  # where it was, and where it should be


def look_at_fates(request: Request) -> Findings:
    """Return what became of moved objects, and their Co-move Ratios by fate, direction and place, with controls."""
    shares = Table("Share of the moved objects")
    ratios = Table("Co-move Ratio of the moved objects, by what became of them")
    ways = Table(
        "Co-move Ratio, by direction and by place (edge: a center beyond 0.7 of a half width)"
    )
    drawings = Table("Control: drawn scenes in which one object really moves, as drawn and damaged")
    places = Table("How far objects stand apart in drawn scenes (area as a share of the image)")
    for subject in request.subjects:
        segmenter = subject.segmenter()
        for objects in OBJECTS:
            renderer = subject_renderer(subject, objects)
            found = fates_of(renderer, segmenter, request.num, objects == ALONE)
            if len(found) < LEAST:
                continue
            row = f"{subject.run}, {objects}"
            for name in FATES:
                shares.put(row, name, mean_of(np.array([one.fate == name for one in found])))
                _put_score(ratios, row, name, [one for one in found if one.fate == name])
            _put_score(ratios, row, "all", found)
            for key in ("direction", "place"):
                for value in sorted({getattr(one, key) for one in found}):
                    _put_score(ways, row, value, [o for o in found if getattr(o, key) == value])
    for subject in {subject.dataset: subject for subject in request.subjects}.values():
        size = subject.config.generator.resolution
        drawn_moves(drawings, subject.dataset, subject.segmenter(), request.num, size)
        placements(places, subject.dataset, request.num, size)
    tables = {"shares": shares, "ratios": ratios, "ways": ways}
    tables |= {"drawings": drawings, "places": places}
    protocol = {"moves": request.num, "drawings": request.num, "sample_seed": SEED, "least": LEAST}
    return Findings(tables, {}, _picture(shares, request.subjects), CAPTION, protocol)


def subject_renderer(subject: Subject, objects: str) -> Renderer:
    """Return the samples of a run; `objects` is one of OBJECTS."""
    snapshot = subject.snapshot
    if objects == INSIDE:
        config = replace(snapshot.config, sampling=all_inside(snapshot.config.sampling))
        snapshot = replace(snapshot, config=config)
    return snapshot_renderer(snapshot, SEED)


def fates_of(renderer: Renderer, segmenter: Segmenter, num: int, alone: bool) -> list[Fate]:
    """Return what became of `num` moved objects, of those that are seen; `alone`: without the others."""
    batches = trial_batches(renderer, SEED, num, 0, BATCH)
    return [one for trials in batches for one in _fates(trials, renderer, segmenter, alone)]


def fate(index: int, under: int | None, track: Track, before: Instances, after: Instances) -> str:
    """Return what became of instance `index`, given the instance under the new center and its track."""
    if under is None:
        return "vanished"
    nearest = int((after.features @ before.features[index]).argmax())
    if track.is_matched and nearest == under:
        return "there"
    is_same = after.classes[under] == before.classes[index]
    return "another of its class" if is_same else "something else"


def only(layout: Layout, chosen: Int[Tensor, " n"]) -> Layout:
    """Return the layout, of one level, in which only one object of each sample is present."""
    (one,) = layout.levels
    level = gaussians(one)
    kept = torch.arange(level.presence.shape[1]) == chosen[:, None]
    return Layout((replace(level, presence=level.presence * kept),), len(layout))


def _fates(trials: Trials, renderer: Renderer, segmenter: Segmenter, alone: bool) -> list[Fate]:
    samples = trials.samples
    if alone:
        samples = replace(samples, layout=only(samples.layout, trials.objects))
    layout = move_objects(samples.layout, trials.objects, trials.offsets)
    before = segment(segmenter, renderer.render(samples))
    after = segment(segmenter, renderer.render(replace(samples, layout=layout)))
    found = []
    places = zip(trials.centers(), trials.sigmas().tolist(), trials.offsets, strict=True)
    for i, (center, sigma, offset) in enumerate(places):
        index = instance_under(center, sigma, before[i])
        if index is not None:
            under = instance_under(center + offset, sigma, after[i])
            track = follow(index, before[i], after[i])
            y, x = offset.tolist()
            found.append(
                Fate(
                    fate(index, under, track, before[i], after[i]),
                    score(track.shift, (y, x)) if track.is_matched else float("nan"),
                    "vertical" if abs(y) > abs(x) else "horizontal",
                    f"{_place(center)} to {_place(center + offset)}",
                )
            )
    return found


def _place(center: Tensor) -> str:
    return "edge" if center.abs().max() > EDGE else "middle"


def _put_score(table: Table, row: str, column: str, found: Sequence[Fate]) -> None:
    """Put the mean score into a cell, if at least LEAST objects were found again."""
    scores = np.array([one.score for one in found])
    if np.isfinite(scores).sum() >= LEAST:
        table.put(row, column, mean_of(scores))


def _picture(shares: Table, subjects: Sequence[Subject]) -> Figure:
    """Return a bar per run, of the shares of its scenes as drawn."""
    figure = Figure(figsize=(7, 0.6 + 0.4 * len(subjects)), layout="constrained")
    axes = figure.subplots()
    rows = {subject.run: shares.cells.get(f"{subject.run}, {OBJECTS[0]}") for subject in subjects}
    seen = {run: cells for run, cells in rows.items() if cells}
    start = np.zeros(len(seen))
    for name, color in zip(FATES, COLORS, strict=True):
        width = np.array([cells[name].value for cells in seen.values()])
        axes.barh(list(seen), width, left=start, color=color, label=name)
        start += width
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the moved objects")
    figure.legend(loc="outside upper center", ncols=len(FATES), frameon=False)
    return figure
