"""Drag benchmark: time, steps and accuracy of the methods of dragging [paper, Tab. II].

Every trial (drag_trials.py) is done by every method, by turns, on one machine. Where a drag ends up is
seen twice: by its own tracking of features, and by a segmenter, which sees how far the mean position of
the object under the handle went. The second doesn't believe what the optimised features say.

Distances are in image widths, lengths in pixels of a 256-pixel image.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor
from tqdm import tqdm

from spatialgan.dragging.drag import (
    DRAGS,
    DragResult,
    DragSettings,
    Problem,
    default_feature_resolution,
    run_drag,
    snapshot_features,
)
from spatialgan.evaluation.drag_trials import LENGTHS_PX, DragTrial, drag_trials
from spatialgan.evaluation.matching import follow, instance_under
from spatialgan.evaluation.measured import measured, save_measured
from spatialgan.evaluation.partial import PartialResults
from spatialgan.files import file_sha256
from spatialgan.scenes.render import render_inputs, scene_inputs
from spatialgan.segmenters.instances import Instances
from spatialgan.segmenters.registry import Segmenter
from spatialgan.snapshot import Snapshot, load_snapshot

COLUMNS = ("seconds", "steps", "reached", "distance", "seen")


@dataclass(frozen=True)
class DragRequest:
    """What to measure."""

    num_drags: int = 200
    settings: DragSettings = DragSettings()
    device: str = "cpu"  # cpu or cuda


def measure_drags(
    snapshot_path: Path, segmenter: Segmenter, request: DragRequest, output: Path
) -> dict:
    """Write how each method drags on a snapshot, trial by trial, with the protocol to `output`; return it.

    A row without heatmaps is dragged by its latent alone. Killed, it goes on after the last whole trial,
    kept beside `output`. Raises ValueError, in one line, where a file is missing or damaged.
    """
    snapshot = load_snapshot(snapshot_path, request.device)
    protocol = drag_protocol(segmenter, request)
    identity = {
        "protocol": protocol,
        "snapshot_sha256": file_sha256(snapshot_path),
        "code": snapshot.config.code("spatialgan.evaluation.drag_benchmark.measure_drags"),
    }
    partial = PartialResults(output.with_suffix(".partial.jsonl"), identity)
    result = measured(snapshot, protocol, ({}, {}))
    result |= {
        "feature_resolution": default_feature_resolution(snapshot.config.generator.resolution),
        "snapshot_sha256": identity["snapshot_sha256"],
        "drags": drag_columns(observe_drags(snapshot, segmenter, request, partial)),
    }
    save_measured(output, result)
    partial.remove()
    return result


def drag_protocol(segmenter: Segmenter, request: DragRequest) -> dict:
    """Return what has to agree before two measurements may stand side by side."""
    return {
        "segmenter": segmenter.name,
        "segmenter_sha256": segmenter.sha256,
        "num_drags": request.num_drags,
        **asdict(request.settings),
        "device": request.device,
        "threads": torch.get_num_threads(),
        "truncation_psi": 0.7,
    }


def methods_of(snapshot: Snapshot) -> list[str]:
    """Return the methods that can drag a snapshot's images."""
    generator = snapshot.generator
    steered = generator.encoding.spatial or generator.config.num_objects > 0
    return list(DRAGS) if steered else ["latent"]


def observe_drags(
    snapshot: Snapshot, segmenter: Segmenter, request: DragRequest, partial: PartialResults
) -> list[dict]:
    """Return a line per trial, length and method: the columns and what they are of."""
    done = len(partial.batches)
    start = partial.batches[-1]["next"] if done else 0
    missing = request.num_drags - done
    bar = tqdm(total=request.num_drags, initial=done, desc="trials", unit="trial", disable=None)
    with bar:
        for number, trial in enumerate(drag_trials(snapshot, "", missing, start)):
            if number == 0:  # what is made once (threads, kernels) is no part of the first drag
                _drag_all(trial, snapshot, DragSettings(max_steps=2))
            lines = list(_observe(trial, snapshot, segmenter, request))
            partial.add({"next": trial.seed + 1, "lines": lines})
            bar.update()
    return [line for batch in partial.batches for line in batch["lines"]]


@dataclass(frozen=True)
class Dragged:
    """A finished drag and its picture."""

    method: str
    length_px: int
    problem: Problem
    result: DragResult
    seconds: float  # of the drag and one image
    image: UInt8[Tensor, "3 r r"]


def _drag_all(trial: DragTrial, snapshot: Snapshot, settings: DragSettings) -> list[Dragged]:
    """Return the drags of a trial by all methods and lengths."""
    cells = default_feature_resolution(snapshot.config.generator.resolution)
    inputs, device = scene_inputs(trial.scene, snapshot), snapshot.w_avg.device
    drags = []
    for length_px, target in zip(LENGTHS_PX, trial.targets, strict=True):
        problem = Problem(
            snapshot_features(snapshot, cells),
            inputs,
            trial.handle.to(device),
            target.to(device),
            torch.zeros(cells, cells, device=device),
            settings,
        )
        for method in methods_of(snapshot):
            began = time.perf_counter()
            result = run_drag(problem, DRAGS[method])
            image = render_inputs(result.state.inputs(), snapshot)
            seconds = time.perf_counter() - began
            drags.append(Dragged(method, length_px, problem, result, seconds, image))
    return drags


def _observe(
    trial: DragTrial, snapshot: Snapshot, segmenter: Segmenter, request: DragRequest
) -> Iterator[dict]:
    """Yield a line per length and method."""
    drags = _drag_all(trial, snapshot, request.settings)
    first = render_inputs(scene_inputs(trial.scene, snapshot), snapshot)
    found = segmenter(torch.stack([first, *(one.image for one in drags)]))
    before, *after = [_on_cpu(instances) for instances in found]
    under = instance_under(trial.handle[0], trial.sigma, before)
    for one, instances in zip(drags, after, strict=True):
        line = {"method": one.method, "length_px": one.length_px, "seed": trial.seed}
        line |= {
            "seconds": round(one.seconds, 5),
            "steps": one.result.state.step,
            "reached": one.result.reached,
            "distance": round(one.problem.to_go(one.result.state.handles).item(), 6),
            "seen": _seen_distance(under, before, instances, one.problem),
        }
        yield line


def _seen_distance(
    under: int | None, before: Instances, after: Instances, problem: Problem
) -> float | None:
    """Return how far the object still is from where it should go; None where it isn't seen in both images."""
    if under is None:
        return None
    track = follow(under, before, after)
    if not track.is_matched:
        return None
    way = (problem.targets - problem.handles)[0].cpu() - torch.tensor(track.shift)
    return round(way.norm().item() / 2, 6)


def _on_cpu(found: Instances) -> Instances:
    return Instances(found.masks.cpu(), found.scores.cpu(), found.classes, found.features.cpu())


def drag_columns(lines: list[dict]) -> list[dict]:
    """Return the lines by method and length, as one column of numbers each."""
    groups: dict[tuple, dict] = {}
    for line in lines:
        key = (line["method"], line["length_px"])
        head = {"method": key[0], "title": DRAGS[key[0]].title, "length_px": key[1]}
        group = groups.setdefault(key, head | {name: [] for name in COLUMNS})
        for name in COLUMNS:
            group[name].append(line[name])
    return list(groups.values())
