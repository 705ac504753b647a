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
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from tqdm import tqdm

from spatialgan.evaluation.comove_scores import Observation, class_scores, scores
from spatialgan.evaluation.matching import MIN_COSINE, NOTHING, follow, instance_under
from spatialgan.evaluation.measured import measured, save_measured
from spatialgan.evaluation.partial import PartialResults
from spatialgan.evaluation.trials import (
    LENGTHS,
    Source,
    Trials,
    can_be_tried,
    draw_offset,
    is_steerable,
    snapshot_source,
    trial_batches,
)
from spatialgan.files import file_sha256
from spatialgan.heatmaps.layout import Layout
from spatialgan.heatmaps.moves import gaussians, move_objects, shift, where_part
from spatialgan.rng import generator_for
from spatialgan.segmenters.instances import MIN_AREA, MIN_SCORE, Instances
from spatialgan.segmenters.registry import Segmenter
from spatialgan.snapshot import load_snapshot

STILL_EVERY = 10  # one in so many samples is drawn and segmented again, not moved: null control


@dataclass(frozen=True)
class ComoveRequest:
    """What to measure."""

    num_moves: int = 50000
    seed: int = 0  # of the latents, layouts, noise and moves
    batch_size: int = 32  # samples drawn and segmented together; changes no result
    device: str = "cpu"  # of generator and segmenter: cpu or cuda


def measure_comove(
    snapshot_path: Path, segmenter: Segmenter, request: ComoveRequest, output: Path
) -> dict:
    """Write a snapshot's Co-move Ratio with its controls and protocol to `output`, and return it.

    A row without movable heatmaps has no metrics. Killed, it goes on after the last finished batch, kept
    beside `output`. Raises ValueError, in one line, where a file is missing or damaged.
    """
    snapshot = load_snapshot(snapshot_path, request.device)
    source = snapshot_source(snapshot, request.seed)
    protocol = comove_protocol(segmenter, request)
    identity = {
        "protocol": protocol,
        "sample_seed": request.seed,
        "snapshot_sha256": file_sha256(snapshot_path),
        "code": snapshot.config.code("spatialgan.evaluation.comove.measure_comove"),
    }
    partial = PartialResults(output.with_suffix(".partial.jsonl"), identity)
    observations = observe_moves(source, segmenter, request, partial)
    result = measured(snapshot, protocol, scores(observations))
    result |= {
        "metric_ids": {"comove": comove_id(segmenter, request.num_moves)},
        "classes": class_scores(observations),
        "sample_seed": request.seed,
        "snapshot_sha256": identity["snapshot_sha256"],
    }
    save_measured(output, result)
    partial.remove()
    return result


def comove_protocol(segmenter: Segmenter, request: ComoveRequest) -> dict:
    """Return what has to agree before two Co-move Ratios may stand side by side."""
    return {
        "segmenter": segmenter.name,
        "segmenter_sha256": segmenter.sha256,
        "num_moves": request.num_moves,
        "move_length": f"{LENGTHS[0]} to {LENGTHS[1]} image widths",
        "min_score": MIN_SCORE,
        "min_area": MIN_AREA,
        "min_cosine": MIN_COSINE,
        "truncation_psi": 1,
        "noise_mode": "fixed per sample index",
    }


def comove_id(segmenter: Segmenter, num_moves: int) -> str:
    """Return the metric's name for people, such as torchvision_comove5k."""
    count = f"{num_moves // 1000}k" if num_moves % 1000 == 0 else str(num_moves)
    return f"{segmenter.name}_comove{count}"


def observe_moves(
    source: Source, segmenter: Segmenter, request: ComoveRequest, partial: PartialResults
) -> list[Observation]:
    """Return what became of `num_moves` moves, those in `partial` included; none without objects."""
    if not is_steerable(source):
        return []
    found = [Observation.from_json(o) for batch in partial.batches for o in batch["observations"]]
    start = partial.batches[-1]["next"] if partial.batches else 0
    missing = request.num_moves - len(found)
    bar = tqdm(
        total=request.num_moves, initial=len(found), desc="moving", unit="move", disable=None
    )
    with bar:
        for trials in trial_batches(source, request.seed, missing, start, request.batch_size):
            seen = observe(trials, source, segmenter)
            found += seen
            batch = [dataclasses.asdict(one) for one in seen]
            partial.add({"next": trials.stop, "observations": batch})
            bar.update(len(seen))
    return found


def observe(trials: Trials, source: Source, segmenter: Segmenter) -> list[Observation]:
    """Return what became of each trial's moves: of the object, of a bystander, with nothing moved, and
    of the object of one sub-heatmap alone."""
    layout = trials.samples.layout
    moved = move_objects(layout, trials.objects, trials.offsets)
    still = [row for row, index in enumerate(trials.indices) if index % STILL_EVERY == 0]
    parts = _parts(trials)
    rows = [*range(len(trials)), *still, *parts]
    others = [layout[row : row + 1] for row in still] + [part.moved for part in parts.values()]
    drawn_again = dataclasses.replace(
        trials.samples.take(rows), layout=Layout.cat([moved, *others])
    )
    before = segment(segmenter, source.render(trials.samples))
    after = segment(segmenter, source.render(drawn_again))
    end = len(trials) + len(still)
    unmoved = dict(zip(still, after[len(trials) : end], strict=True))
    alone = dict(zip(parts, after[end:], strict=True))
    observations = []
    for row, (center, sigma) in enumerate(zip(trials.centers(), trials.sigmas(), strict=True)):
        index = instance_under(center, float(sigma), before[row])
        tracks = (NOTHING, NOTHING, NOTHING)
        if index is not None:
            bystander = _bystander(index, before[row], trials.indices[row])
            tracks = (
                follow(index, before[row], after[row]),
                NOTHING if bystander is None else follow(bystander, before[row], after[row]),
                follow(index, before[row], unmoved[row]) if row in unmoved else NOTHING,
            )
        offset, idle = (tuple(x[row].tolist()) for x in (trials.offsets, trials.idle_offsets))
        part, part_offset = tracks[0], offset
        if row in parts:
            part_offset = parts[row].offset
            index = instance_under(parts[row].center, parts[row].sigma, before[row])
            part = NOTHING if index is None else follow(index, before[row], alone[row])
        observations.append(
            Observation(trials.indices[row], offset, idle, *tracks, part, part_offset)
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
    """Return, by row, a random sub-heatmap of any level that is in the frame, and how it moves.

    Layouts of one level have none: there a sub-heatmap is an object, which moves alone anyway.
    """
    layout = trials.samples.layout
    if len(layout.levels) == 1:
        return {}
    found = {}
    for row, sample in enumerate(trials.indices):
        one = layout[row : row + 1]
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
        found[row] = Part(center, float(levels[level].sigmas[0, index]), offset, moved)
    return found


def segment(segmenter: Segmenter, images: torch.Tensor) -> list[Instances]:
    """Return each image's instances on the CPU, where they are compared."""
    return [
        Instances(found.masks.cpu(), found.scores.cpu(), found.classes, found.features.cpu())
        for found in segmenter(images)
    ]


def _bystander(index: int, found: Instances, sample: int) -> int | None:
    """Return a random instance other than `index`, as a function of the sample; None without others."""
    others = [i for i in range(len(found)) if i != index]
    if not others:
        return None
    draws = generator_for(0, "bystander", sample)
    return others[int(torch.randint(len(others), (), generator=draws))]
