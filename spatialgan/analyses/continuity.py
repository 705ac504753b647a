"""Whether heatmaps need to be continuous [paper, Sec. 4.3]: some of their pixels are replaced by 0 or 1.

The paper trains with 5 % of the pixels replaced; results/tables/processing.md has that row beside the others. Here
models, trained with and without, are looked at while more and more pixels are replaced: Fréchet distance to real
scenes, from a few hundred images by the project's own extractor, and how far the object goes with the heatmaps.

Shapes: n samples, d features.
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from scipy.linalg import sqrtm
from torch import Tensor

from spatialgan.analyses import tiles
from spatialgan.analyses.findings import Findings, Number, Table, mean_of
from spatialgan.analyses.levels import draw_offsets
from spatialgan.analyses.parts import Parser, open_parser
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
NUM_RESAMPLES = 100  # of the Fréchet distance
SHOWN = 4  # samples in the picture
CAPTION = "The same samples while more and more pixels of their heatmaps are replaced by 0 or 1; none selected."


def look_at_continuity(request: Request) -> Findings:
    """Return distance to real scenes and obedience to moves, by run and share of replaced pixels."""
    distance = Table("Fréchet distance of features to real scenes", digits=1)
    follows = Table("How far the object goes with the heatmaps (1: all the way)")
    evidence: dict[str, dict[str, Number]] = {"impulse_quality": {}, "impulse_control": {}}
    blocks: dict[str, Image.Image] = {}
    extractor, _ = load_extractor(shipped_weights())
    for subject in request.subjects:
        size = subject.config.generator.resolution
        real = features_of(extractor, draw_scenes(subject.dataset, request.num, size).images)
        parser = open_parser(subject.dataset, size)
        inputs = draw_samples(subject.config, SEED, 0, request.num)
        found, ways, lines = {}, {}, [{} for _ in range(SHOWN)]
        for probability in PROBABILITIES:
            noisy = replace(inputs, layout=with_impulses(inputs.layout, probability))
            images = render(subject.snapshot, noisy).clamp(-1, 1)
            found[probability] = features_of(extractor, images)
            ways[probability] = _ways(subject, parser, noisy, images)
            column = f"{probability:.0%}"
            distance.put(subject.run, column, _distance(found[probability], real))
            follows.put(subject.run, column, mean_of(ways[probability]))
            for line, image in zip(lines, images, strict=False):
                line[column] = tiles.image_tile(image)
        blocks[f"{subject.run}: {subject.title}"] = tiles.grid(lines)
        if not request.is_control(subject):
            evidence["impulse_quality"][subject.run] = _growth(found[0.0], found[CLAIMED], real)
            evidence["impulse_control"][subject.run] = mean_of(ways[CLAIMED] - ways[0.0])
    protocol = {"num": request.num, "extractor": "scene", "sample_seed": SEED}
    tables = {"distance": distance, "follows": follows}
    return Findings(tables, evidence, tiles.page(blocks), CAPTION, protocol)


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
    real: Float[np.ndarray, "n d"],
) -> Number:
    """Return by which share the distance falls with noise (below 0: it grows), with its interval over samples."""
    draws = np.random.default_rng(0)
    picks = draws.integers(len(clean), size=(NUM_RESAMPLES, len(clean)))
    shares = [1 - frechet(noisy[pick], real) / frechet(clean[pick], real) for pick in picks]
    return _around(1 - frechet(noisy, real) / frechet(clean, real), np.array(shares))


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
