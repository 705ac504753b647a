"""Whether the heatmap decides the pose [paper, Fig. 10a, b]: every layout with every latent.

Faces and churches are drawn from a grid of layouts and latents, with one noise. Of each image a number is taken: where
the object is, or how it is turned, seen by two of its parts (TURNS), which a network finds (parts.py). The share of a
number's variance that the layout explains is the one-way random-effects intraclass correlation; so is that of the
latent. If the layout decides, the first is near 1 and the second near 0; with neither it is 0, or less by chance.

Shapes: l layouts, z latents.
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from spatialgan.analyses import tiles
from spatialgan.analyses.findings import Findings, Number, Table, exactly
from spatialgan.analyses.parts import Parser, open_parser, skill_tables
from spatialgan.analyses.requests import SEED, Request, Subject, draw_scenes
from spatialgan.evaluation.bootstrap import NUM_RESAMPLES, interval
from spatialgan.heatmaps.layout import Layout
from spatialgan.snapshot import draw_samples, render

TURNS = {"face": ("eye", "face"), "church": ("steeple", "nave"), "cat": ("eye", "head")}
NUM_LATENTS = 6  # that each layout is drawn with
LEAST = 0.5  # of a layout's images in which the parts are found, or it doesn't count
SHOWN = 4  # layouts and latents in the picture
CAPTION = "A line per layout, a column per latent, one noise: if the layout decides the pose, it is the same along lines."


def look_at_pose(request: Request) -> Findings:
    """Return which share of place and turn the layout explains, and which the latent, by run."""
    by_layout = Table("Share of the variance that the layout explains")
    by_latent = Table("Control: share that the latent explains")
    found_in = Table("Share of the images in which it can be measured")
    skill, frame = skill_tables()
    evidence: dict[str, dict[str, Number]] = {}
    blocks: dict[str, Image.Image] = {}
    for subject in request.subjects:
        parser = open_parser(subject.dataset, subject.config.generator.resolution)
        images = crossed_images(subject, request.num)
        parser.put_skill(skill, subject.dataset)
        drawn = draw_scenes(subject.dataset, request.num, subject.config.generator.resolution)
        parser.put_frame(frame, subject.run, drawn.masks, images.flatten(0, 1))
        for name, values in pose_numbers(parser, images, subject.dataset).items():
            found_in.put(subject.run, name, exactly(float(np.isfinite(values).mean())))
            layouts, latents = (explained(grid) for grid in (values, values.T))
            if layouts is not None and latents is not None:
                by_layout.put(subject.run, name, layouts)
                by_latent.put(subject.run, name, latents)
                if not request.is_control(subject):
                    evidence.setdefault(f"pose_{name}", {})[subject.run] = layouts
        blocks[f"{subject.run}: {subject.title}"] = _picture(images)
    tables = {"layout": by_layout, "latent": by_latent, "found": found_in}
    tables |= {"skill": skill, "frame": frame}
    protocol = {"layouts": request.num, "latents": NUM_LATENTS, "sample_seed": SEED}
    return Findings(tables, evidence, tiles.page(blocks), CAPTION, protocol)


@torch.no_grad()
def crossed_images(subject: Subject, num: int) -> Float[Tensor, "l z 3 r r"]:
    """Return the images of `num` layouts, each with the same NUM_LATENTS latents and the same noise."""
    inputs = draw_samples(subject.config, SEED, 0, max(num, NUM_LATENTS))
    rows = []
    for i in range(num):
        layout = Layout.cat([inputs.layout[i : i + 1]] * NUM_LATENTS)
        noise = [maps[:1].expand(NUM_LATENTS, *maps.shape[1:]) for maps in inputs.noise]
        crossed = replace(inputs, z=inputs.z[:NUM_LATENTS], layout=layout, noise=noise)
        rows.append(render(subject.snapshot, crossed).clamp(-1, 1))
    return torch.stack(rows)


def pose_numbers(
    parser: Parser, images: Float[Tensor, "l z 3 r r"], dataset: str
) -> dict[str, Float[np.ndarray, "l z"]]:
    """Return where the object is, down and across, and how its one part is turned against the other; NaN: not found."""
    flat = images.flatten(0, 1)
    masks = parser.whole(flat)
    size = masks.shape[-1]
    axis = (2 * torch.arange(size) + 1) / size - 1
    total = masks.sum(dim=(1, 2))
    total = torch.where(total > 0, total, torch.nan)
    numbers = {"down": masks.sum(2) @ axis / total, "across": masks.sum(1) @ axis / total}
    one, other = (parser.centers(flat)[name] for name in TURNS[dataset])
    numbers["turn"] = one[:, 1] - other[:, 1]
    shape = images.shape[:2]
    return {name: x.reshape(shape).double().numpy() for name, x in numbers.items()}


def explained(values: Float[np.ndarray, "g k"]) -> Number | None:
    """Return the share of the variance between lines, with its interval over lines.

    Lines with too few numbers don't count; fewer than three lines have no share.
    """
    kept = values[np.isfinite(values).mean(axis=1) >= LEAST]
    if len(kept) < 3:
        return None
    draws = np.random.default_rng(0)
    picks = draws.integers(len(kept), size=(NUM_RESAMPLES, len(kept)))
    ends = interval(np.array([_intraclass(kept[pick]) for pick in picks]))
    return Number(_intraclass(kept), ends.low, ends.high)


def _intraclass(values: Float[np.ndarray, "g k"]) -> float:
    """Return the one-way random-effects intraclass correlation of lines with missing numbers."""
    counts = np.isfinite(values).sum(axis=1)
    means = np.nanmean(values, axis=1)
    total, groups = counts.sum(), len(values)
    within = np.nansum((values - means[:, None]) ** 2) / max(total - groups, 1)
    grand = np.nansum(values) / total
    between = (counts * (means - grand) ** 2).sum() / (groups - 1)
    size = (total - (counts**2).sum() / total) / (groups - 1)
    spread = between + (size - 1) * within
    return float((between - within) / spread) if spread > 0 else 0.0


def _picture(images: Float[Tensor, "l z 3 r r"]) -> Image.Image:
    lines = [
        {f"latent {j}": tiles.image_tile(line[j]) for j in range(SHOWN)} for line in images[:SHOWN]
    ]
    return tiles.grid(lines)
