"""Local control: of all ways to change one region of an image, which changes the rest least at the same change inside?

Every rival changes every region of the same images until the region's pixels have changed by a LEVEL (root mean
square, images in [-1, 1]); rivals that go to another image stop there, and those that never change the region so much
have not reached it. Then the ratio of the mean squared change inside to that outside, the identity (cosine of the scene
extractor's features of both images) and the CPU seconds of one thread to find the way are noted. Those of a Jacobian count
in full for each rival that needs it, although one serves all regions. Slow rivals are tried on the first images only.

Shapes: r resolution, k regions.
"""

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor
from tqdm import tqdm

from spatialgan.directions.jacobian import Grams, NoDirection, gram_matrices
from spatialgan.directions.problem import Problem
from spatialgan.directions.regions import parse_region
from spatialgan.directions.spaces import Change, open_space
from spatialgan.evaluation.harness import Findings, Procedure, Setup
from spatialgan.evaluation.links import REDRAWN
from spatialgan.evaluation.rivals import (
    BOXES,
    DISC,
    DISCS,
    DRAG_STEPS,
    LOW_RANK_ITERATIONS,
    RIVALS,
    Case,
    Rival,
)
from spatialgan.evaluation.trials import (
    Trials,
    is_steerable,
    snapshot_renderer,
    trial_batches,
)
from spatialgan.evaluation.ways import along, images_of, reach, towards
from spatialgan.extractors.network import SceneExtractor, load_extractor, shipped_weights
from spatialgan.files import file_sha256
from spatialgan.heatmaps.moves import move_objects, objects
from spatialgan.networks.generator import GeneratorInputs, SynthesisInputs
from spatialgan.scenes.render import one_thread
from spatialgan.snapshot import Snapshot, draw_samples, to_uint8

LEVELS = (0.1, 0.3)  # changes inside a region
COLUMNS = ("edit_ratio", "edit_reached", "edit_identity", "edit_seconds")


def counts(setup: Setup) -> tuple[int, int]:
    """Return how many images all rivals are tried on, and how many the slow ones."""
    images = max(1, setup.settings["num_comove"] // 10)
    return images, max(1, setup.settings["num_drags"] // 4)


def protocol(setup: Setup) -> dict:
    """Return what must agree before two results may be compared."""
    images, slow = counts(setup)
    return {
        "num_trials": images,
        "images_of_slow_rivals": slow,
        "levels": " and ".join(map(str, LEVELS)),
        "drag_steps": DRAG_STEPS,
        "low_rank_iterations": LOW_RANK_ITERATIONS,
        "identity_sha256": file_sha256(shipped_weights()),
        "device": setup.device,
        "threads": 1,
        "truncation_psi": 1,
    }


def observe(snapshot: Snapshot, setup: Setup, done: Sequence[dict]) -> Iterator[dict]:
    """Yield a batch per further image: a line per region, rival and level."""
    images, slow = counts(setup)
    extractor = load_extractor(shipped_weights())[0].to(setup.device)
    start = done[-1]["next"] if done else 0
    # What torch builds at the first call in forward mode is not counted in the first image's seconds.
    with one_thread():
        _observe_image(snapshot, *next(_samples(snapshot, 0, 1, 0)), (0, 0), False, extractor)
    bar = tqdm(total=images, initial=len(done), desc="images", unit="image", disable=None)
    with bar:
        samples = _samples(snapshot, setup.seed, images - len(done), start)
        for number, (sample, trial) in enumerate(samples, start=len(done)):
            index = trial.indices[0] if trial else number
            with one_thread():
                lines = _observe_image(
                    snapshot, sample, trial, (setup.seed, index), number < slow, extractor
                )
            bar.update()
            yield {"next": index + 1, "lines": lines}


def _samples(
    snapshot: Snapshot, seed: int, num: int, start: int
) -> Iterator[tuple[GeneratorInputs, Trials | None]]:
    """Yield samples `start` and on, each with the object to try where the model has objects."""
    renderer = snapshot_renderer(snapshot, seed)
    if not is_steerable(renderer):
        yield from ((renderer.draw(i, i + 1), None) for i in range(start, start + num))
        return
    for trials in trial_batches(renderer, seed, num, start, 1):
        yield trials.samples, trials


def _observe_image(
    snapshot: Snapshot,
    sample: GeneratorInputs,
    trial: Trials | None,
    place: tuple[int, int],
    with_slow: bool,
    extractor: SceneExtractor,
) -> list[dict]:
    seed, index = place
    other = draw_samples(snapshot.config, seed, REDRAWN + index, REDRAWN + index + 1)
    inputs = _synthesis_inputs(snapshot, sample)
    again = _synthesis_inputs(snapshot, replace(sample, z=other.z))
    masks = regions_of(trial, snapshot.config.generator.resolution)
    rivals = {key: r for key, r in RIVALS.items() if with_slow or not r.is_slow}
    spaces = dict.fromkeys(rival.space for rival in rivals.values() if rival.space)
    solved = {name: _grams(snapshot, inputs, name, masks) for name in spaces}
    first = _features(extractor, images_of(snapshot, inputs))
    lines = []
    for number, (region, mask) in enumerate(masks.items()):
        grams = {name: _of_region(found, number) for name, (found, _) in solved.items()}
        case = Case(snapshot, inputs, again, trial, index, region, mask, grams)
        for key, rival in rivals.items():
            if region not in rival.regions:
                continue
            began = time.process_time()
            found = _find(rival, case)
            seconds = time.process_time() - began
            seconds += solved[rival.space][1] if rival.space else 0.0
            if found is not None:
                lines += _lines(key, case, found, seconds, (extractor, first))
    return lines


def _find(rival: Rival, case: Case) -> SynthesisInputs | Change | None:
    """Return a rival's way; None where it doesn't apply, or finds no direction (LowRankGAN on some regions)."""
    try:
        return rival.find(case)
    except NoDirection:
        return None


def _lines(
    key: str,
    case: Case,
    found: SynthesisInputs | Change,
    seconds: float,
    identity: tuple[SceneExtractor, Float[Tensor, "1 f"]],
) -> list[dict]:
    """Return a line per level of one rival on one region; `identity`: who looks, and what it saw of the image."""
    extractor, first = identity
    way = along(case.inputs, found) if isinstance(found, Change) else towards(case.inputs, found)
    reached = reach(way, lambda inputs: images_of(case.snapshot, inputs), case.mask, LEVELS)
    lines = []
    for level, at in zip(LEVELS, reached, strict=True):
        line = {
            "method": key,
            "region": case.region,
            "level": level,
            "edit_seconds": round(seconds, 5),
        }
        line |= {"edit_reached": at is not None, "edit_ratio": None, "edit_identity": None}
        if at is not None:
            line["edit_ratio"] = round((at.inside / max(at.outside, 1e-4)) ** 2, 3)
            cosine = F.cosine_similarity(_features(extractor, at.image[None]), first)
            line["edit_identity"] = round(float(cosine), 4)
        lines.append(line)
    return lines


def regions_of(trial: Trials | None, resolution: int) -> dict[str, Bool[Tensor, "r r"]]:
    """Return the regions of an image: two boxes, and around the object to try its disc, and where it moves both."""
    boxes = {name: parse_region(text) for name, text in BOXES.items()}
    masks = {name: box.pixels(resolution) for name, box in boxes.items()}  # pyright: ignore[reportAttributeAccessIssue]
    if trial is None:
        return masks
    layout = trial.samples.layout
    both = [layout, move_objects(layout, trial.objects, trial.offsets)]
    here, there = (_disc(objects(one).render(resolution), trial) for one in both)
    return {**masks, DISC: here, DISCS: here | there}


def _disc(heatmaps: Float[Tensor, "1 k r r"], trial: Trials) -> Bool[Tensor, "r r"]:
    heatmap = heatmaps[0, int(trial.objects[0])]
    return heatmap >= heatmap.max() / 2


def _synthesis_inputs(snapshot: Snapshot, sample: GeneratorInputs) -> SynthesisInputs:
    sample = sample.to(snapshot.w_avg.device)
    with torch.no_grad():
        ws = snapshot.generator.styles(sample.z, sample.layout)
    return SynthesisInputs(ws, sample.layout, sample.noise)


def _grams(
    snapshot: Snapshot, inputs: SynthesisInputs, name: str, masks: dict[str, Tensor]
) -> tuple[Grams, float]:
    """Return the Gram matrices of all regions in a space, and the seconds that took."""
    began = time.process_time()
    space = open_space(name, snapshot.config.generator, (), ())
    stacked = torch.stack(list(masks.values())).to(inputs.ws.device)
    problem = Problem(snapshot, inputs, space, stacked[0])
    return gram_matrices(problem.jacobian, stacked), time.process_time() - began


def _of_region(grams: Grams, number: int) -> Grams:
    return replace(grams, belongs=grams.belongs[:, number : number + 1])


def _features(extractor: SceneExtractor, images: Float[Tensor, "n 3 r r"]) -> Float[Tensor, "n f"]:
    with torch.no_grad():
        return extractor(to_uint8(images).to(extractor.features.weight.device))


def conclude(snapshot: Snapshot, setup: Setup, batches: Sequence[dict]) -> Findings:
    """Return medians of the ratios by rival, region and level, with the shares reached, and the numbers of all images."""
    groups: dict[tuple, dict] = {}
    for line in (line for batch in batches for line in batch["lines"]):
        key = (line["region"], line["level"], line["method"])
        head = {"region": key[0], "level": key[1], "method": key[2]}
        head["title"] = RIVALS[key[2]].title
        group = groups.setdefault(key, head | {name: [] for name in COLUMNS})
        for name in COLUMNS:
            group[name].append(line[name])
    metrics = {}
    for (region, level, method), group in groups.items():
        name = f"{method}_{region}_{round(100 * level)}"
        known = [ratio for ratio in group["edit_ratio"] if ratio is not None]
        metrics[f"{name}_reached"] = len(known) / len(group["edit_ratio"])
        if known:
            metrics[name] = statistics.median(known)
    return Findings(metrics, details={"edits": list(groups.values())})


LOCAL_CONTROL = Procedure(protocol, observe, conclude)
