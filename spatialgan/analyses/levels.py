"""What moves when one level of the heatmaps moves alone [paper, Fig. 10c]: body, eyes, ears.

Of each sample, all centers of one level move by the same offset, everything else stays. A network that knows the
parts of drawn objects (parts.py) finds them in both images. A part's way is the projection of its shift on the offset,
over the offset's length: 1 where it follows, 0 where it stays. The control is the projection on the offset turned by
a right angle, which nothing should follow.

Shapes: n samples.
"""

import math
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from spatialgan.analyses import tiles
from spatialgan.analyses.findings import Findings, Number, Table, exactly, mean_of
from spatialgan.analyses.parts import Parser, open_parser
from spatialgan.analyses.requests import SEED, Request, Subject
from spatialgan.heatmaps.layout import Layout
from spatialgan.heatmaps.moves import gaussians
from spatialgan.networks.generator import GeneratorInputs
from spatialgan.rng import generator_for
from spatialgan.snapshot import draw_samples, render

LENGTH = 0.3  # of a move, in [-1, 1] units
PARTS = ("body", "head", "eye", "ear")  # those shown, where the scenes have them
SHOWN = 3  # samples in the picture
STRONGEST = 0.5  # change of a pixel, of 2, that is drawn white
LEAST_SEEN = 5  # samples in which a part is found before and after; else it isn't judged
CAPTION = (
    f"Samples as drawn and with one level moved by {LENGTH} to the right; beside each, how much its pixels changed,"
    f" white from {STRONGEST} of 2 on. None selected. In the numbers every sample has a direction of its own."
)


def look_at_levels(request: Request) -> Findings:
    """Return how far each part goes with each level, by run, with the control across the move."""
    ways = Table("How far a part goes with the level that moves (1: all the way)")
    across = Table("Control: the same, across the direction of the move")
    seen = Table("Share of samples in which the part is found before and after")
    skill = Table("IoU of the network that finds the parts, on new drawings")
    change = Table("Mean change of a pixel, of 2", digits=3)
    evidence: dict[str, dict[str, Number]] = {}
    blocks: dict[str, Image.Image] = {}
    for subject in request.subjects:
        size = subject.config.generator.resolution
        parser = open_parser(subject.dataset, size)
        parts = [name for name in PARTS if name in parser.names]
        for name in parts:
            skill.put(subject.dataset, name, exactly(parser.iou[name]))
        inputs = draw_samples(subject.config, SEED, 0, request.num)
        offsets = draw_offsets(request.num)
        before = render(subject.snapshot, inputs).clamp(-1, 1)
        found: dict[tuple[int, str], Float[np.ndarray, " n"]] = {}
        for level in range(len(inputs.layout.levels)):
            row = f"{subject.run}, level {level}"
            moved = replace(inputs, layout=move_level(inputs.layout, level, offsets))
            after = render(subject.snapshot, moved).clamp(-1, 1)
            change.put(row, "all pixels", mean_of((after - before).abs().mean((1, 2, 3)).numpy()))
            for part in parts:
                along, aside = part_ways(parser, part, before, after, offsets)
                is_seen = np.isfinite(along)
                seen.put(row, part, mean_of(is_seen.astype(float)))
                if is_seen.sum() >= LEAST_SEEN:
                    ways.put(row, part, mean_of(along))
                    across.put(row, part, mean_of(aside))
                    found[level, part] = along
        claimed = {} if request.is_control(subject) else _evidence(found)
        for claim, number in claimed.items():
            evidence.setdefault(claim, {})[subject.run] = number
        blocks[f"{subject.run}: {subject.title}"] = _picture(subject, inputs)
    tables = {"ways": ways, "across": across, "change": change, "seen": seen, "skill": skill}
    protocol = {"num": request.num, "length": LENGTH, "sample_seed": SEED}
    return Findings(tables, evidence, tiles.page(blocks), CAPTION, protocol)


def draw_offsets(num: int) -> Float[Tensor, "n 2"]:
    """Return moves of length LENGTH in directions drawn uniformly, (y, x)."""
    angles = torch.rand(num, generator=generator_for(0, "levels", 0)) * 2 * math.pi
    return LENGTH * torch.stack([angles.sin(), angles.cos()], dim=1)


def move_level(layout: Layout, level: int, offsets: Float[Tensor, "n 2"]) -> Layout:
    """Return the layout with all centers of one level shifted by each sample's offset."""
    levels = list(layout.levels)
    old = gaussians(levels[level])
    levels[level] = replace(old, centers=old.centers + offsets[:, None])
    return Layout(tuple(levels), len(layout))


def part_ways(
    parser: Parser,
    part: str,
    before: Float[Tensor, "n 3 r r"],
    after: Float[Tensor, "n 3 r r"],
    offsets: Float[Tensor, "n 2"],
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return how far a part went along each offset and across it, over the offset's length; NaN where not found."""
    shifts = parser.centers(after)[part] - parser.centers(before)[part]
    turned = torch.stack([-offsets[:, 1], offsets[:, 0]], dim=1)
    square = offsets.square().sum(dim=1)
    along, aside = ((shifts * way).sum(dim=1) / square for way in (offsets, turned))
    return along.double().numpy(), aside.double().numpy()


def _evidence(found: dict[tuple[int, str], Float[np.ndarray, " n"]]) -> dict[str, Number]:
    """Return what one training says: that parts follow, and the fine parts the fine levels more than the body does."""
    numbers = {}
    if (0, "body") in found:
        numbers["level0_body"] = mean_of(found[0, "body"])
    for claim, level, part in (("level1_eyes", 1, "eye"), ("level2_ears", 2, "ear")):
        if (level, part) in found and (level, "body") in found:
            both = found[level, part] - found[level, "body"]
            if np.isfinite(both).sum() >= LEAST_SEEN:
                numbers[claim] = mean_of(both)
    return numbers


def _picture(subject: Subject, inputs: GeneratorInputs) -> Image.Image:
    few = inputs.take(range(SHOWN))
    right = torch.tensor([[0.0, LENGTH]]).expand(SHOWN, 2)
    start = render(subject.snapshot, few).clamp(-1, 1)
    lines: list[dict[str, Image.Image]] = [{"as drawn": tiles.image_tile(x)} for x in start]
    for level in range(len(few.layout.levels)):
        moved = replace(few, layout=move_level(few.layout, level, right))
        images = render(subject.snapshot, moved).clamp(-1, 1)
        for line, image, first in zip(lines, images, start, strict=True):
            line[f"level {level}"] = tiles.image_tile(image)
            change = (image - first).abs().mean(dim=0)
            line[f"change {level}"] = tiles.change_tile(change, STRONGEST)
    return tiles.grid(lines)
