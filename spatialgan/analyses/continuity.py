"""Whether heatmaps need to be continuous [paper, Sec. 4.3]: some of their pixels are replaced by 0 or 1.

The paper compares two trainings: with 5 % of the pixels replaced, in training and after it, and with none. So does the
evidence here: the row of noise at 5 % against the row without at 0 %. Beside it, models trained with and without are
looked at while more and more pixels are replaced: Fréchet distance to real scenes, from a few hundred images by the
project's own extractor, and how far the object goes with the heatmaps. results/tables/processing.md has the FID of both
rows beside others.

Shapes: n samples, d features.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from scipy.linalg import sqrtm
from torch import Tensor

from spatialgan.analyses import tiles
from spatialgan.analyses.controls import of_one, ratio
from spatialgan.analyses.findings import LEAST, Findings, Number, Table, exactly, known_mean
from spatialgan.analyses.levels import draw_offsets
from spatialgan.analyses.parts import Parser, open_parser, skill_tables
from spatialgan.analyses.requests import SEED, Request, Subject, draw_scenes
from spatialgan.evaluation.bootstrap import interval
from spatialgan.extractors.network import SceneExtractor, load_extractor, shipped_weights
from spatialgan.heatmaps.layout import Impulse, Layout
from spatialgan.heatmaps.moves import gaussians, move_objects
from spatialgan.networks.generator import GeneratorInputs
from spatialgan.rng import generator_for
from spatialgan.snapshot import draw_samples, render, to_uint8

PROBABILITIES = (0.0, 0.01, 0.05, 0.2)  # of a pixel to be replaced
CLAIMED = 0.05  # the paper's
CLEAN, NOISY = "spatialgan", "impulse"  # rows trained without and with CLAIMED
PAPER = {CLEAN: 6.57, NOISY: 6.93}  # its FIDs of LSUN Cat, without and with CLAIMED
NUM_RESAMPLES = 100  # of the Fréchet distance
SHOWN = 4  # samples in the picture
CAPTION = "The same samples while more and more pixels of their heatmaps are replaced by 0 or 1; none selected."


@dataclass(frozen=True)
class Seen:
    """What a model makes of each share of replaced pixels."""

    features: dict[float, Float[np.ndarray, "n d"]]
    ways: dict[float, Float[np.ndarray, " n"]]  # how far the object goes; NaN: not found
    real: Float[np.ndarray, "n d"]  # features of real scenes


def look_at_continuity(request: Request) -> Findings:
    """Return distance to real scenes and obedience to moves, by run and share of replaced pixels."""
    distance = Table("Fréchet distance of features to real scenes", digits=1)
    follows = Table("How far the object goes with the heatmaps (1: all the way)")
    trained = Table(
        "As the paper compares them: trained and drawn without noise, trained and drawn with it"
    )
    skill, frame = skill_tables()
    seen: dict[str, Seen] = {}
    blocks: dict[str, Image.Image] = {}
    extractor, _ = load_extractor(shipped_weights())
    for subject in request.subjects:
        size = subject.config.generator.resolution
        scenes = draw_scenes(subject.dataset, request.num, size)
        parser, real = open_parser(subject.dataset, size), features_of(extractor, scenes.images)
        found, images = _look(subject, parser, extractor, real)
        seen[subject.run] = found
        for probability in PROBABILITIES:
            column = f"{probability:.0%}"
            distance.put(subject.run, column, _distance(found.features[probability], real))
            follows.put(subject.run, column, known_mean(found.ways[probability]))
        parser.put_skill(skill, subject.dataset)
        parser.put_frame(frame, subject.run, scenes.masks, images[0.0])
        blocks[f"{subject.run}: {subject.title}"] = _picture(images)
        row = subject.run.split("/")[1]
        if row in PAPER:
            share = CLAIMED if row == NOISY else 0.0
            name = f"{subject.run} at {share:.0%}"
            trained.put(name, "Fréchet distance", _distance(found.features[share], real))
            trained.put(name, "paper's FID", exactly(PAPER[row]))
    protocol = {"num": request.num, "extractor": "scene", "sample_seed": SEED, "least": LEAST}
    tables = {"trained": trained, "distance": distance, "follows": follows}
    tables |= {"skill": skill, "frame": frame}
    return Findings(tables, evidence_of_noise(seen), tiles.page(blocks), CAPTION, protocol)


def _look(
    subject: Subject, parser: Parser, extractor: SceneExtractor, real: Float[np.ndarray, "n d"]
) -> tuple[Seen, dict[float, Float[Tensor, "n 3 r r"]]]:
    """Return features and ways of as many samples as there are real scenes by share of replaced pixels, and the samples."""
    inputs, found = draw_samples(subject.config, SEED, 0, len(real)), Seen({}, {}, real)
    pictures: dict[float, Float[Tensor, "n 3 r r"]] = {}
    for probability in PROBABILITIES:
        noisy = replace(inputs, layout=with_impulses(inputs.layout, probability))
        images = render(subject.snapshot, noisy).clamp(-1, 1)
        found.features[probability] = features_of(extractor, images)
        found.ways[probability] = _ways(subject, parser, noisy, images)
        pictures[probability] = images
    return found, pictures


def evidence_of_noise(seen: dict[str, Seen]) -> dict[str, dict[str, Number]]:
    """Return what each training with noise says, beside that without of the same data set and seed.

    What is left of obedience is known only where there was some: where the interval without noise is above 0.
    """
    found: dict[str, dict[str, Number]] = {}
    for run, mine in seen.items():
        dataset, row, seed = run.split("/")
        clean = seen.get(f"{dataset}/{CLEAN}/{seed}")
        if row != NOISY:
            continue
        if clean is not None:
            growth = _growth(clean.features[0.0], mine.features[CLAIMED], mine.real)
            found.setdefault("impulse_quality", {})[run] = growth
        there = known_mean(mine.ways[0.0])
        left = of_one(ratio(mine.ways[CLAIMED], mine.ways[0.0]))
        if there is not None and there.low > 0 and left is not None:
            found.setdefault("impulse_control", {})[run] = left
    return found


def with_impulses(layout: Layout, probability: float) -> Layout:
    """Return the layout with pixels of every level's own grid replaced by 0 or 1 at equal odds; those it had go."""
    draws, levels = generator_for(0, "continuity", 0), []
    for number, level in enumerate(map(gaussians, layout.levels)):
        shape = (*level.centers.shape[:2], 4 << number, 4 << number)
        mask = torch.rand(shape, generator=draws) < probability
        extremes = (torch.rand(shape, generator=draws) < 0.5).float()
        levels.append(Impulse(level, mask, extremes))
    return Layout(tuple(levels), len(layout))


@torch.no_grad()
def features_of(
    extractor: SceneExtractor, images: Float[Tensor, "n 3 r r"]
) -> Float[np.ndarray, "n d"]:
    """Return the features of images in [-1, 1]."""
    return extractor(to_uint8(images)).double().numpy()


def frechet(a: Float[np.ndarray, "n d"], b: Float[np.ndarray, "m d"]) -> float:
    """Return the Fréchet distance between Gaussians of the means and covariances of two sets of features."""
    gap = a.mean(axis=0) - b.mean(axis=0)
    first, second = np.cov(a.T), np.cov(b.T)
    root = np.real(sqrtm(first @ second))
    return float(gap @ gap + np.trace(first + second - 2 * root))


def _distance(fake: Float[np.ndarray, "n d"], real: Float[np.ndarray, "n d"]) -> Number:
    """Return the distance, with its interval over generated images."""
    draws = np.random.default_rng(0)
    picks = draws.integers(len(fake), size=(NUM_RESAMPLES, len(fake)))
    return _around(frechet(fake, real), np.array([frechet(fake[pick], real) for pick in picks]))


def _growth(
    clean: Float[np.ndarray, "n d"],
    noisy: Float[np.ndarray, "n d"],
    real: Float[np.ndarray, "m d"],
) -> Number:
    """Return by which share the distance grows with noise, with its interval over samples."""
    draws = np.random.default_rng(0)
    picks = draws.integers(len(clean), size=(NUM_RESAMPLES, len(clean)))
    shares = [frechet(noisy[pick], real) / frechet(clean[pick], real) - 1 for pick in picks]
    return _around(frechet(noisy, real) / frechet(clean, real) - 1, np.array(shares))


def _around(value: float, replicates: Float[np.ndarray, " b"]) -> Number:
    """Return a number with its interval; distances of resampled images, some twice, are larger, which is taken off."""
    ends, bias = interval(replicates), float(replicates.mean()) - value
    return Number(value, ends.low - bias, ends.high - bias)


def _ways(
    subject: Subject,
    parser: Parser,
    inputs: GeneratorInputs,
    before: Float[Tensor, "n 3 r r"],
) -> Float[np.ndarray, " n"]:
    """Return how far the object goes with the hierarchy, along its offset and over its length; NaN: not found."""
    offsets = draw_offsets(len(inputs))
    layout = move_objects(inputs.layout, torch.zeros(len(inputs), dtype=torch.long), offsets)
    after = render(subject.snapshot, replace(inputs, layout=layout)).clamp(-1, 1)
    start, end = (_center(parser, images) for images in (before, after))
    along = ((end - start) * offsets).sum(dim=1) / offsets.square().sum(dim=1)
    return along.double().numpy()


def _center(parser: Parser, images: Float[Tensor, "n 3 r r"]) -> Float[Tensor, "n 2"]:
    masks = parser.whole(images)
    size = masks.shape[-1]
    axis = (2 * torch.arange(size) + 1) / size - 1
    total = masks.sum(dim=(1, 2))
    total = torch.where(total > 0, total, torch.nan)
    return torch.stack([masks.sum(2) @ axis, masks.sum(1) @ axis], dim=1) / total[:, None]


def _picture(images: dict[float, Float[Tensor, "n 3 r r"]]) -> Image.Image:
    lines = [
        {f"{probability:.0%}": tiles.image_tile(seen[i]) for probability, seen in images.items()}
        for i in range(SHOWN)
    ]
    return tiles.grid(lines)
