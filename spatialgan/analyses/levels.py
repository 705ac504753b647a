"""What moves when one level of the heatmaps moves alone [paper, Fig. 10c]: body, eyes, ears.

Of each sample, all centers of one level move by the same offset, everything else stays; of level 2 also the top two
alone, as in the paper. A network that knows the
parts of drawn objects (parts.py) finds them in both images. A part's way is the projection of its shift on the offset,
over the offset's length: 1 where it follows, 0 where it stays. A part moves alone if it follows, and further than every
other part: the smallest of these numbers is the evidence. The control is the projection on the offset turned by
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
from spatialgan.analyses.findings import LEAST, Findings, Number, Table, known_mean, mean_of
from spatialgan.analyses.parts import Parser, open_parser, skill_tables
from spatialgan.analyses.requests import SEED, Request, Subject, draw_scenes
from spatialgan.heatmaps.layout import Layout
from spatialgan.heatmaps.moves import gaussians
from spatialgan.networks.generator import GeneratorInputs
from spatialgan.rng import generator_for
from spatialgan.snapshot import draw_samples, render

LENGTH = 0.3  # of a move, in [-1, 1] units
PARTS = ("body", "head", "eye", "ear")  # those shown, where the scenes have them
SHOWN = 3  # samples in the picture
STRONGEST = 0.5  # change of a pixel, of 2, that is drawn white
TOP_TWO = (
    2,
    2,
)  # the level, and how many of its centers, the uppermost, move in the paper's third line
CAPTION = (
    f"Samples as drawn and with one level moved by {LENGTH} to the right; beside each, how much its pixels changed,"
    f" white from {STRONGEST} of 2 on. None selected. In the numbers every sample has a direction of its own."
)


def look_at_levels(request: Request) -> Findings:
    """Return how far each part goes with each level, by run, with the control across the move."""
    tables = {
        "ways": Table("How far a part goes with the level that moves (1: all the way)"),
        "across": Table("Control: the same, across the direction of the move"),
        "change": Table("Mean change of a pixel, of 2", digits=3),
        "seen": Table("Share of samples in which the part is found before and after"),
    }
    skill, frame = skill_tables()
    evidence: dict[str, dict[str, Number]] = {}
    blocks: dict[str, Image.Image] = {}
    for subject in request.subjects:
        size = subject.config.generator.resolution
        parser = open_parser(subject.dataset, size)
        inputs = draw_samples(subject.config, SEED, 0, request.num)
        before = render(subject.snapshot, inputs).clamp(-1, 1)
        parser.put_skill(skill, subject.dataset)
        drawn = draw_scenes(subject.dataset, request.num, size)
        parser.put_frame(frame, subject.run, drawn.masks, before)
        found = _of_moves(tables, subject, parser, inputs, before)
        claimed = {} if request.is_control(subject) else _evidence(found)
        for claim, number in claimed.items():
            evidence.setdefault(claim, {})[subject.run] = number
        blocks[f"{subject.run}: {subject.title}"] = _picture(subject, inputs)
    protocol = {"num": request.num, "length": LENGTH, "sample_seed": SEED, "least": LEAST}
    every = {**tables, "skill": skill, "frame": frame}
    return Findings(every, evidence, tiles.page(blocks), CAPTION, protocol)


Ways = dict[str, dict[str, Float[np.ndarray, " n"]]]  # by what moves and by part; NaN: not found


def _of_moves(
    tables: dict[str, Table],
    subject: Subject,
    parser: Parser,
    inputs: GeneratorInputs,
    before: Float[Tensor, "n 3 r r"],
) -> Ways:
    """Put how far parts go with each level that moves into the tables, and return it sample by sample."""
    parts = [name for name in PARTS if name in parser.names]
    offsets, found = draw_offsets(len(inputs)), {}
    for name, layout in _moves(inputs.layout, offsets).items():
        row = f"{subject.run}, {name}"
        after = render(subject.snapshot, replace(inputs, layout=layout)).clamp(-1, 1)
        change = (after - before).abs().mean((1, 2, 3)).numpy()
        tables["change"].put(row, "all pixels", mean_of(change))
        found[name] = {}
        for part in parts:
            along, aside = part_ways(parser, part, before, after, offsets)
            tables["seen"].put(row, part, mean_of(np.isfinite(along).astype(float)))
            tables["ways"].put(row, part, known_mean(along))
            tables["across"].put(row, part, known_mean(aside))
            found[name][part] = along
    return found


def _moves(layout: Layout, offsets: Float[Tensor, "n 2"]) -> dict[str, Layout]:
    """Return the layout with each level moved alone, and at last the top two centers of level 2."""
    found = {f"level {i}": move_level(layout, i, offsets) for i in range(len(layout.levels))}
    level, count = TOP_TWO
    if level < len(layout.levels):
        found[f"level {level}, top two"] = move_level(layout, level, offsets, count)
    return found


def draw_offsets(num: int) -> Float[Tensor, "n 2"]:
    """Return moves of length LENGTH in directions drawn uniformly, (y, x)."""
    angles = torch.rand(num, generator=generator_for(0, "levels", 0)) * 2 * math.pi
    return LENGTH * torch.stack([angles.sin(), angles.cos()], dim=1)


def move_level(
    layout: Layout, level: int, offsets: Float[Tensor, "n 2"], uppermost: int | None = None
) -> Layout:
    """Return the layout with the centers of one level shifted by each sample's offset: all, or so many uppermost."""
    levels = list(layout.levels)
    old = gaussians(levels[level])
    ranks = old.centers[..., 0].argsort(dim=1).argsort(dim=1)  # 0: the uppermost
    moves = ranks < (old.centers.shape[1] if uppermost is None else uppermost)
    levels[level] = replace(old, centers=old.centers + offsets[:, None] * moves[..., None])
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


def _evidence(found: Ways) -> dict[str, Number]:
    """Return what one training says: that the body follows, and that eyes and ears do, further than all other parts."""
    claims = (("level1_eyes", "level 1", "eye"), ("level2_ears", "level 2, top two", "ear"))
    numbers = {claim: alone(found[name], part) for claim, name, part in claims if name in found}
    if "body" in found["level 0"]:
        numbers["level0_body"] = known_mean(found["level 0"]["body"])
    return {claim: number for claim, number in numbers.items() if number is not None}


def alone(ways: dict[str, Float[np.ndarray, " n"]], part: str) -> Number | None:
    """Return the smallest of how far a part goes and of how much further than each other part.

    Its ends are the smallest ends, so that it is above 0 where all of them are. None if one of them isn't known.
    """
    if part not in ways:
        return None
    others = [ways[part] - way for name, way in ways.items() if name != part]
    numbers = [known_mean(values) for values in (ways[part], *others)]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        return None
    smallest = (min(getattr(n, end) for n in known) for end in ("value", "low", "high"))
    return Number(*smallest)


def _picture(subject: Subject, inputs: GeneratorInputs) -> Image.Image:
    few = inputs.take(range(SHOWN))
    right = torch.tensor([[0.0, LENGTH]]).expand(SHOWN, 2)
    start = render(subject.snapshot, few).clamp(-1, 1)
    lines: list[dict[str, Image.Image]] = [{"as drawn": tiles.image_tile(x)} for x in start]
    for name, layout in _moves(few.layout, right).items():
        images = render(subject.snapshot, replace(few, layout=layout)).clamp(-1, 1)
        for line, image, first in zip(lines, images, start, strict=True):
            line[name] = tiles.image_tile(image)
            change = (image - first).abs().mean(dim=0)
            line[f"change, {name.split()[-1]}"] = tiles.change_tile(change, STRONGEST)
    return tiles.grid(lines)
