"""Local control: of all ways to change one region of an image, which changes the rest least at the same change inside?

Every rival changes every region of the same images until the region's pixels have changed by a LEVEL (root mean
square, images in [-1, 1]); rivals that go to another image stop there, and those that never change the region so much
have not reached it. Then the ratio of the mean squared change inside to that outside (RATIO_CAP at most), both changes,
the identity (cosine of the scene extractor's features of both images), and the CPU seconds of one thread to find
the way and to draw the edit are noted. Seconds of a Jacobian count in full for each rival that needs it, although one
serves all regions.

Slow rivals are tried on the first images only, so that medians over those of all rivals are told beside the medians
over all images. FID is between the features of edited images and those of the same images unedited: each rival's own
region, changed by the largest level, of as many further images as `Counts` says.

Shapes: n images, r resolution, f features.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch.nn.functional as F
from tqdm import tqdm

from spatialgan.evaluation.bootstrap import Interval, median_interval
from spatialgan.evaluation.edit_cases import Subject, find, prepared, subjects
from spatialgan.evaluation.edit_lines import (
    LEVELS,
    NUMBERS,
    RATIO_CAP,
    Eye,
    edit_lines,
    frechet_distance,
)
from spatialgan.evaluation.harness import Findings, Procedure, Setup
from spatialgan.evaluation.rivals import (
    BOXES,
    DISC,
    DISCS,
    DRAG_LENGTH,
    DRAG_STEPS,
    LOW_RANK_ITERATIONS,
    RIVALS,
    Rival,
)
from spatialgan.evaluation.ways import images_of
from spatialgan.scenes.render import one_thread
from spatialgan.snapshot import Snapshot

FEWEST = 128  # images for a FID: twice as many as there are features
BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class Counts:
    """How many images are tried."""

    images: int  # with all regions, by all rivals that aren't slow
    slow: int  # of these, by the slow ones too
    fid: int  # for FID, by rivals without a Jacobian
    fid_jacobian: int  # for FID, by the others that aren't slow


def counts(setup: Setup) -> Counts:
    """Return what the profile's `edits` say, or as much as its other counts allow."""
    given = setup.settings.get("edits")
    if given:
        return Counts(**given)
    images = max(1, setup.settings["num_comove"] // 10)
    slow, fid = setup.settings["num_drags"] // 5, setup.settings["num_fake"] // 10
    return Counts(images, max(1, slow), fid, fid)


def protocol(setup: Setup) -> dict:
    """Return what must agree before two results may be compared."""
    tried = counts(setup)
    eye = Eye.opened(setup.device)
    return {
        "num_trials": tried.images,
        "images_of_slow_rivals": tried.slow,
        "images_for_FID": tried.fid,
        "images_for_FID_of_rivals_with_a_Jacobian": tried.fid_jacobian,
        "levels": " and ".join(map(str, LEVELS)),
        "rivals": " ".join(RIVALS),
        "regions": " ".join([*BOXES.values(), DISC, DISCS]),
        "ratio_cap": RATIO_CAP,
        "drag_steps": DRAG_STEPS,
        "drag_length": DRAG_LENGTH,
        "low_rank_iterations": LOW_RANK_ITERATIONS,
        "identity_sha256": eye.sha256,
        "device": setup.device,
        "threads": 1,
        "truncation_psi": 1,
    }


def observe(snapshot: Snapshot, setup: Setup, done: Sequence[dict]) -> Iterator[dict]:
    """Yield a batch per further image: a line per region, rival and level, and features for FID."""
    tried, eye = counts(setup), Eye.opened(setup.device)
    start = done[-1]["next"] if done else 0
    # What torch builds at the first call in forward mode is not counted in the first image's seconds.
    with one_thread():
        _observe_image(next(subjects(snapshot, 0, 1, 0)), 0, Counts(1, 0, 0, 0), eye)
    total = max(asdict(tried).values())
    with tqdm(total=total, initial=len(done), desc="images", unit="image", disable=None) as bar:
        left = subjects(snapshot, setup.seed, total - len(done), start)
        for number, subject in enumerate(left, start=len(done)):
            with one_thread():
                found = _observe_image(subject, number, tried, eye)
            bar.update()
            yield {"next": subject.index + 1, **found}


def _observe_image(subject: Subject, number: int, tried: Counts, eye: Eye) -> dict:
    """Return the lines of an image, and the features of the image and of its edits for FID."""
    rivals = {key: rival for key, rival in RIVALS.items() if _is_tried(rival, number, tried)}
    own = {key: subject.own_region(rival) for key, rival in rivals.items()}
    is_full = number < tried.images
    regions = subject.regions() if is_full else own.values()
    before = images_of(subject.snapshot, subject.inputs())
    first = eye.features(before)
    lines, features = [], {"": first[0].tolist()}
    for region in prepared(subject, rivals, set(regions)):
        for key, rival in rivals.items():
            name = region.case.region
            if name not in rival.regions or not (is_full or name == own[key]):
                continue
            way, seconds = find(rival, region)
            if way is None:
                continue
            levels = LEVELS if is_full else LEVELS[-1:]
            for line, seen in edit_lines(region.case, way, levels, (eye, first)):
                if is_full:
                    line |= {"method": key, "edit_seconds": round(seconds, 5)}
                    lines.append(line)
                at_fid = line["level"] == LEVELS[-1] and name == own[key]
                if at_fid and seen is not None and _is_compared(rival, number, tried):
                    features[key] = seen[0].tolist()
    found = {"lines": lines, "features": features}
    if is_full:
        other = eye.features(images_of(subject.snapshot, subject.stranger()))
        found["stranger"] = float(F.cosine_similarity(first, other))
    return found


def _is_tried(rival: Rival, number: int, tried: Counts) -> bool:
    if rival.is_slow:
        return number < tried.slow
    return number < tried.images or _is_compared(rival, number, tried)


def _is_compared(rival: Rival, number: int, tried: Counts) -> bool:
    """Return whether an image counts for the FID of a rival."""
    return not rival.is_slow and number < (tried.fid_jacobian if rival.space else tried.fid)


def conclude(snapshot: Snapshot, setup: Setup, batches: Sequence[dict]) -> Findings:
    """Return medians of the ratios by rival, region and level, with the shares reached, and the numbers of all images.

    Those of names with `few_` are over the images of slow rivals, for all rivals.
    """
    slow = counts(setup).slow
    groups, few = _groups(batches), _groups(batches[:slow])
    metrics, intervals = _medians(groups.values(), "")
    metrics_of_few, intervals_of_few = _medians(few.values(), "few_")
    metrics |= metrics_of_few
    intervals |= intervals_of_few
    strangers = np.array([batch["stranger"] for batch in batches if "stranger" in batch])
    metrics["identity_of_strangers"] = float(strangers.mean())
    for key in RIVALS:
        pairs = [b["features"] for b in batches if key in b["features"]]
        metrics[f"{key}_fid_images"] = len(pairs)
        if len(pairs) >= FEWEST:
            before, after = (np.array([pair[name] for pair in pairs]) for name in ("", key))
            metrics[f"{key}_fid"] = frechet_distance(after, before)
    return Findings(metrics, intervals, details={"edits": list(groups.values())})


def _groups(batches: Sequence[dict]) -> dict[tuple, dict]:
    """Return the numbers of all images in columns, by region, level and rival."""
    groups: dict[tuple, dict] = {}
    for line in (line for batch in batches for line in batch["lines"]):
        key = (line["region"], line["level"], line["method"])
        rival = RIVALS[key[2]]
        head: dict = {"region": key[0], "level": key[1], "method": key[2], "title": rival.title}
        head |= {"needs": rival.needs, "serves": rival.serves}
        group = groups.setdefault(key, head | {name: [] for name in NUMBERS})
        for name in NUMBERS:
            group[name].append(line[name])
    return groups


def _medians(groups: Iterable[dict], prefix: str) -> tuple[dict[str, float], dict[str, Interval]]:
    metrics, intervals = {}, {}
    for group in groups:
        name = f"{prefix}{group['method']}_{group['region']}_{round(100 * group['level'])}"
        known = np.array([ratio for ratio in group["edit_ratio"] if ratio is not None])
        metrics[f"{name}_reached"] = len(known) / len(group["edit_ratio"])
        if len(known):
            metrics[name] = float(np.median(known))
            metrics[f"{name}_mean"] = float(known.mean())
        if len(known) > 1:
            intervals[name] = median_interval(known, BOOTSTRAP_SEED)
    return metrics, intervals


LOCAL_CONTROL = Procedure(protocol, observe, conclude)
