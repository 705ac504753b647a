"""Ways to change a region beside each other, as an entry of figures.yaml asks: what they make of it, and what changed.

A page has a block per run (the first seed), and in it a line per sample: the image, then after each way that reaches
the change inside the region; below each edit the difference to the image. The region's edge is white. Nothing is chosen:
an entry has how many samples, and they are the first that measure local_control tries.

Shapes: r image pixels.
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from spatialgan.drawing import overlays as drawing
from spatialgan.drawing.galleries import draw_page
from spatialgan.evaluation.edit_cases import Prepared, Subject, find, prepared, subjects
from spatialgan.evaluation.edit_lines import ratio_of, way_of
from spatialgan.evaluation.rivals import RIVALS, Rival
from spatialgan.evaluation.ways import Reached, images_of, reach
from spatialgan.models.opened import open_model
from spatialgan.scenes.render import one_thread
from spatialgan.settings.params import Params
from spatialgan.snapshot import to_uint8
from spatialgan.variants import choose

STRONGEST = 0.5  # of a pixel's root mean squared difference, from which on it is drawn white


def draw_ways(params: Params, item: dict, profile: str) -> Image.Image:
    """Return the page of an entry of figures.yaml.

    Raises ValueError, naming the run, if a way is unknown or the run has no object to try.
    """
    # All lines of a run at once: what can be tried depends on the samples before.
    at_once = {**item, "scenes": [0]}
    return draw_page(params, at_once, profile, lambda model, seed: _block(model, seed, item))


def _block(model: Path, seed: int, item: dict) -> Image.Image:
    """Return the lines of a run."""
    rivals = {key: choose(RIVALS, "way", key) for key in item["methods"]}
    snapshot = open_model(str(model)).snapshot
    with one_thread():
        found = subjects(snapshot, seed, item["samples"], 0)
        return drawing.stacked([_line(subject, rivals, item["level"]) for subject in found])


def _line(subject: Subject, rivals: dict[str, Rival], level: float) -> Image.Image:
    """Return the image, and beside it what each way that applies makes of it."""
    own = {key: subject.own_region(rival) for key, rival in rivals.items()}
    columns: dict[str, Image.Image] = {}
    for region in prepared(subject, rivals, set(own.values())):
        for key in (key for key, name in own.items() if name == region.case.region):
            columns[key] = _column(region, key, level)
    before = images_of(subject.snapshot, subject.inputs())[0]
    blank = _pair(before, torch.zeros_like(before[0]), None)
    first = drawing.captioned(drawing.captioned(blank, ""), f"sample {subject.index}")
    return drawing.side_by_side([first, *(columns[key] for key in rivals if key in columns)])


def _column(region: Prepared, key: str, level: float) -> Image.Image:
    """Return an edited image over its difference, or the image unchanged where the way doesn't get so far."""
    case, reached = region.case, None
    found, _ = find(RIVALS[key], region)
    if found is not None:
        (reached,) = reach(
            way_of(case, found), lambda inputs: images_of(case.snapshot, inputs), case.mask, [level]
        )
    before = images_of(case.snapshot, case.inputs)[0]
    after = before if reached is None else reached.image
    picture = _pair(after, (after - before).square().mean(dim=0).sqrt(), case.mask)
    return drawing.captioned(drawing.captioned(picture, _ratio(reached)), RIVALS[key].title)


def _ratio(reached: Reached | None) -> str:
    if reached is None:
        return "not reached"
    return f"in / out {ratio_of(reached):.1f}"


def _pair(
    image: Float[Tensor, "3 r r"],
    change: Float[Tensor, "r r"],
    mask: Bool[Tensor, "r r"] | None,
) -> Image.Image:
    """Return an image over a map of what changed in it, both with the region's edge."""
    pictures = [to_uint8(image[None])[0].cpu(), drawing.heat(change.cpu() / STRONGEST)]
    return drawing.stacked([edged(drawing.enlarged(one), mask) for one in pictures])


def edged(picture: Image.Image, mask: Bool[Tensor, "r r"] | None) -> Image.Image:
    """Return a picture with a white line along the inner edge of a region."""
    if mask is None:
        return picture
    large = Image.fromarray(mask.cpu().numpy()).resize(picture.size, Image.Resampling.NEAREST)
    inside = np.pad(np.array(large), 1)
    shifts = [np.roll(inside, step, axis) for step in (-1, 1) for axis in (0, 1)]
    edge = (inside & ~np.logical_and.reduce(shifts))[1:-1, 1:-1]
    pixels = np.array(picture)
    pixels[edge] = 255
    return Image.fromarray(pixels)
