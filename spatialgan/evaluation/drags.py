"""Drag benchmark: time, steps and accuracy of the methods of dragging [paper, Tab. II].

Every method runs every trial (drag_trials.py), in turn, on one machine. Where a drag ends is
measured twice: by its own tracking of features, and by a segmenter, which sees how far the mean position of
the object under the handle went. The second does not rely on the features that were optimized.

Distances are in image widths, lengths in pixels of a 256-pixel image.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

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
from spatialgan.evaluation.harness import Findings, Procedure, Setup
from spatialgan.evaluation.matching import follow, instance_under
from spatialgan.scenes.render import render_inputs, scene_inputs
from spatialgan.segmenters.instances import Instances
from spatialgan.segmenters.registry import Segmenter
from spatialgan.snapshot import Snapshot

COLUMNS = ("seconds", "steps", "reached", "distance", "seen")


def drag_settings(setup: Setup) -> DragSettings:
    """Return the settings of every drag: the profile's step cap, if it has one, and the defaults."""
    limit = setup.settings.get("drag_steps", DragSettings().max_steps)
    return DragSettings(max_steps=limit)


def drag_protocol(setup: Setup) -> dict:
    """Return what must agree before two measurements may be compared."""
    return {
        "segmenter": setup.segmenter.name,
        "segmenter_sha256": setup.segmenter.sha256,
        "num_drags": setup.settings["num_drags"],
        **asdict(drag_settings(setup)),
        "device": setup.device,
        "threads": torch.get_num_threads(),
        "truncation_psi": 0.7,
    }


def methods_of(snapshot: Snapshot) -> list[str]:
    """Return the methods that can drag a snapshot's images."""
    generator = snapshot.generator
    steered = generator.config.parts.is_spatial
    return list(DRAGS) if steered else ["latent"]


def drag_observations(snapshot: Snapshot, setup: Setup, done: Sequence[dict]) -> Iterator[dict]:
    """Yield a batch per further trial: a line per length and method.

    A row without heatmaps is dragged by its latent alone.
    """
    num, settings = setup.settings["num_drags"], drag_settings(setup)
    start = done[-1]["next"] if done else 0
    bar = tqdm(total=num, initial=len(done), desc="trials", unit="trial", disable=None)
    with bar:
        for number, trial in enumerate(drag_trials(snapshot, "", num - len(done), start)):
            if number == 0:  # one-time costs (threads, kernels) don't belong to the first drag
                _drag_all(trial, snapshot, DragSettings(max_steps=2))
            lines = _observe_trial(trial, snapshot, setup.segmenter, settings)
            bar.update()
            yield {"next": trial.seed + 1, "lines": lines}


def drag_findings(snapshot: Snapshot, setup: Setup, batches: Sequence[dict]) -> Findings:
    """Return the numbers of all trials by method and length; a table makes means and medians of them."""
    lines = [line for batch in batches for line in batch["lines"]]
    cells = default_feature_resolution(snapshot.config.generator.resolution)
    return Findings({}, details={"feature_resolution": cells, "drags": drag_columns(lines)})


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


def _observe_trial(
    trial: DragTrial, snapshot: Snapshot, segmenter: Segmenter, settings: DragSettings
) -> list[dict]:
    """Return a line per length and method: how long it took, and how near it came."""
    drags = _drag_all(trial, snapshot, settings)
    first = render_inputs(scene_inputs(trial.scene, snapshot), snapshot)
    found = segmenter(torch.stack([first, *(one.image for one in drags)]))
    before, *after = [instances.to("cpu") for instances in found]
    under = instance_under(trial.handle[0], trial.sigma, before)
    return [
        {
            "method": one.method,
            "length_px": one.length_px,
            "seed": trial.seed,
            "seconds": round(one.seconds, 5),
            "steps": one.result.state.step,
            "reached": one.result.reached,
            "distance": round(one.problem.to_go(one.result.state.handles).item(), 6),
            "seen": _seen_distance(under, before, instances, one.problem),
        }
        for one, instances in zip(drags, after, strict=True)
    ]


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


DRAG_BENCHMARK = Procedure(drag_protocol, drag_observations, drag_findings)
