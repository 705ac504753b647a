"""Co-move Ratio: when a sub-heatmap moves by p, how far along p does its object move?

Of a sample, one object's center c moves by p with everything else fixed. The instance under c is looked
for in the new image (matching.py); its mean position moved by q, and the score is (p . q) / |p|^2: 1
where the image obeys, 0 where it ignores the heatmap [paper, Co-move Ratio]. docs/comove.md says what the
paper leaves open and what is reported beside it: in a hierarchy, whose one object is all of it, also what
becomes of one sub-heatmap that moves alone.

Here moves are made and observed; comove_scores.py makes numbers of the observations.

Shapes: n trials.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from tqdm import tqdm

from spatialgan.evaluation.comove_scores import Observation, class_scores, count_scores, scores
from spatialgan.evaluation.harness import Findings, Procedure, Setup, count_name
from spatialgan.evaluation.matching import MIN_COSINE, NOTHING, follow, instance_under
from spatialgan.evaluation.trials import (
    LENGTHS,
    Renderer,
    Trials,
    can_be_tried,
    draw_offset,
    is_steerable,
    snapshot_renderer,
    trial_batches,
)
from spatialgan.heatmaps.layout import Layout
from spatialgan.heatmaps.moves import gaussians, move_objects, objects, shift, where_part
from spatialgan.rng import generator_for
from spatialgan.segmenters.instances import MIN_AREA, MIN_SCORE, Instances
from spatialgan.segmenters.registry import Segmenter
from spatialgan.snapshot import Snapshot

STILL_EVERY = (
    10  # one sample in this many is drawn and segmented again without a move: null control
)
BATCH = 32  # samples drawn and segmented together; changes no result


def comove_protocol(setup: Setup) -> dict:
    """Return what must agree before two Co-move Ratios may be compared."""
    return {
        "segmenter": setup.segmenter.name,
        "segmenter_sha256": setup.segmenter.sha256,
        "num_moves": setup.settings["num_comove"],
        "move_length": f"{LENGTHS[0]} to {LENGTHS[1]} image widths",
        "min_score": MIN_SCORE,
        "min_area": MIN_AREA,
        "min_cosine": MIN_COSINE,
        "truncation_psi": 1,
        "noise_mode": "fixed per sample index",
    }


def comove_observations(snapshot: Snapshot, setup: Setup, done: Sequence[dict]) -> Iterator[dict]:
    """Yield further batches of moves of a snapshot's samples."""
    renderer = snapshot_renderer(snapshot, setup.seed)
    return observe_moves(renderer, setup.segmenter, setup.settings["num_comove"], done, setup.seed)


def observe_moves(
    renderer: Renderer,
    segmenter: Segmenter,
    num_moves: int,
    done: Sequence[dict],
    seed: int = 0,
) -> Iterator[dict]:
    """Yield batches of observations, after those `done`, up to `num_moves` in all; none without objects."""
    if not is_steerable(renderer):
        return
    count = sum(len(batch["observations"]) for batch in done)
    start = done[-1]["next"] if done else 0
    bar = tqdm(total=num_moves, initial=count, desc="moving", unit="move", disable=None)
    with bar:
        for trials in trial_batches(renderer, seed, num_moves - count, start, BATCH):
            seen = [dataclasses.asdict(one) for one in observe(trials, renderer, segmenter)]
            bar.update(len(seen))
            yield {"next": trials.stop, "observations": seen}


def comove_findings(snapshot: Snapshot, setup: Setup, batches: Sequence[dict]) -> Findings:
    """Return the Co-move Ratio, what it is made of, its controls, and the ratio by class and by number of objects."""
    found = observations_in(batches)
    metrics, bounds = scores(found)
    name = f"{setup.segmenter.name}_comove{count_name(setup.settings['num_comove'])}"
    details = {"classes": class_scores(found), "objects_in_frame": count_scores(found)}
    return Findings(metrics, bounds, {"comove": name}, details)


def observations_in(batches: Iterable[dict]) -> list[Observation]:
    """Return the observations of batches, in order."""
    return [Observation.from_json(one) for batch in batches for one in batch["observations"]]


def observe(trials: Trials, renderer: Renderer, segmenter: Segmenter) -> list[Observation]:
    """Return what became of each trial's moves: of the object, of a bystander, with nothing moved, and
    of the object of one sub-heatmap alone."""
    layout = trials.samples.layout
    moved = move_objects(layout, trials.objects, trials.offsets)
    still = [i for i, index in enumerate(trials.indices) if index % STILL_EVERY == 0]
    parts = _parts(trials)
    drawn = [*range(len(trials)), *still, *parts]
    others = [layout[i : i + 1] for i in still] + [part.moved for part in parts.values()]
    drawn_again = dataclasses.replace(
        trials.samples.take(drawn), layout=Layout.cat([moved, *others])
    )
    before = segment(segmenter, renderer.render(trials.samples))
    after = segment(segmenter, renderer.render(drawn_again))
    end = len(trials) + len(still)
    unmoved = dict(zip(still, after[len(trials) : end], strict=True))
    alone = dict(zip(parts, after[end:], strict=True))
    in_frame = can_be_tried(objects(layout)).sum(dim=1).tolist()
    observations = []
    for i, (center, sigma) in enumerate(zip(trials.centers(), trials.sigmas(), strict=True)):
        index = instance_under(center, float(sigma), before[i])
        tracks = (NOTHING, NOTHING, NOTHING)
        if index is not None:
            bystander = _bystander(index, before[i], trials.indices[i])
            tracks = (
                follow(index, before[i], after[i]),
                NOTHING if bystander is None else follow(bystander, before[i], after[i]),
                follow(index, before[i], unmoved[i]) if i in unmoved else NOTHING,
            )
        offset, idle = (tuple(x[i].tolist()) for x in (trials.offsets, trials.idle_offsets))
        part, part_offset = tracks[0], offset
        if i in parts:
            part_offset = parts[i].offset
            index = instance_under(parts[i].center, parts[i].sigma, before[i])
            part = NOTHING if index is None else follow(index, before[i], alone[i])
        observations.append(
            Observation(trials.indices[i], offset, idle, *tracks, part, part_offset, in_frame[i])
        )
    return observations


@dataclass(frozen=True)
class Part:
    """One sub-heatmap of a sample's hierarchy, and the layout in which it alone has moved."""

    center: Float[torch.Tensor, " 2"]
    sigma: float
    offset: tuple[float, float]
    moved: Layout


def _parts(trials: Trials) -> dict[int, Part]:
    """Return, by place in the batch, a random sub-heatmap of any level that is in the frame, and how it moves.

    Layouts of one level have none: there a sub-heatmap is an object, which moves alone anyway.
    """
    layout = trials.samples.layout
    if len(layout.levels) == 1:
        return {}
    found = {}
    for i, sample in enumerate(trials.indices):
        one = layout[i : i + 1]
        levels = [gaussians(level) for level in one.levels]
        places = [
            (level, index)
            for level, level_gaussians in enumerate(levels)
            for index in can_be_tried(level_gaussians)[0].nonzero()[:, 0].tolist()
        ]
        draws = generator_for(0, "part", sample)
        level, index = places[int(torch.randint(len(places), (), generator=draws))]
        center = levels[level].centers[0, index]
        offset = draw_offset(center, draws)
        moved = shift(one, where_part(one, level, index), offset)
        found[i] = Part(center, float(levels[level].sigmas[0, index]), offset, moved)
    return found


def segment(segmenter: Segmenter, images: torch.Tensor) -> list[Instances]:
    """Return each image's instances on the CPU, where they are compared."""
    return [found.to("cpu") for found in segmenter(images)]


def _bystander(index: int, found: Instances, sample: int) -> int | None:
    """Return a random instance other than `index`, as a function of the sample; None without others."""
    others = [i for i in range(len(found)) if i != index]
    if not others:
        return None
    draws = generator_for(0, "bystander", sample)
    return others[int(torch.randint(len(others), (), generator=draws))]


COMOVE = Procedure(comove_protocol, comove_observations, comove_findings)
