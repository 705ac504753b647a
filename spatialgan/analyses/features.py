"""What the generator's features show [paper, Fig. 14]: their mean over channels, at every resolution.

The paper sees objects in its own generators' features and none in the baseline's. Here the mean is
correlated with the mask of the object in the generated image, which a network finds (parts.py), and with the sample's
heatmap, each beyond those of other samples; samples in which it finds none are left out. The sign of a mean over channels means nothing on its own, so its size
stands beside it.

Shapes: n samples, r pixels of an image, s pixels of a feature map.
"""

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from spatialgan.analyses import maps, tiles
from spatialgan.analyses.findings import Findings, Number, Table, known_mean, mean_of
from spatialgan.analyses.parts import open_parser, skill_tables
from spatialgan.analyses.requests import SEED, Request, Subject, draw_scenes
from spatialgan.snapshot import draw_samples

BASELINE = "baseline"
SHOWN = 4  # samples in the picture
CAPTION = (
    "The mean over channels of each block's features, from its minimum (black) to its maximum (white), the same samples"
    " of each row: none selected. Beside the image, where an object is found in it, and the sum of all heatmaps."
)


def look_at_features(request: Request) -> Findings:
    """Return how the mean over channels agrees with objects and heatmaps, by run and resolution."""
    tables = {
        "object": Table("Correlation with the object's mask, beyond masks of other samples"),
        "size": Table("Its size, whatever the sign"),
        "heatmap": Table("Correlation with the sum of the heatmaps, beyond those of other samples"),
    }
    skill, frame = skill_tables()
    clear: dict[str, Float[np.ndarray, " n"]] = {}
    blocks: dict[str, Image.Image] = {}
    for subject in request.subjects:
        size = subject.config.generator.resolution
        images = subject.images(request.num).clamp(-1, 1)
        parser = open_parser(subject.dataset, size)
        parser.put_skill(skill, subject.dataset)
        drawn = draw_scenes(subject.dataset, request.num, size)
        parser.put_frame(frame, subject.run, drawn.masks, images)
        masks = parser.whole(images)
        means = mean_features(subject, request.num)
        heat = total_heatmap(subject, request.num, size)
        for r, raw in means.items():
            column, large = f"{r}x{r}", tiles.enlarged_map(raw, size)
            signed = maps.lead(maps.correlation, large, masks)
            tables["object"].put(subject.run, column, known_mean(signed))
            clear[subject.run] = maps.lead(_size, large, masks)  # in the end that of the finest
            tables["size"].put(subject.run, column, known_mean(clear[subject.run]))
            if heat.any():
                on_heatmap = maps.lead(maps.correlation, large, heat)
                tables["heatmap"].put(subject.run, column, mean_of(on_heatmap))
        blocks[f"{subject.run}: {subject.title}"] = _picture(images, masks, heat, means)
    protocol = {"num": request.num, "num_others": maps.NUM_OTHERS, "sample_seed": SEED}
    claimed = {s.run for s in request.subjects if not request.is_control(s)}
    found = {run: values for run, values in clear.items() if run in claimed}
    return Findings(
        {**tables, "skill": skill, "frame": frame},
        _evidence(found),
        tiles.page(blocks),
        CAPTION,
        protocol,
    )


def _size(a: Float[Tensor, "n r r"], b: Float[Tensor, "n r r"]) -> Float[np.ndarray, " n"]:
    return np.abs(maps.correlation(a, b))


def mean_features(subject: Subject, num: int) -> dict[int, Float[Tensor, "n s s"]]:
    """Return the mean over channels of each block's features, by resolution."""
    inputs, generator = draw_samples(subject.config, SEED, 0, num), subject.snapshot.generator
    ws = generator.styles(inputs.z, inputs.layout)
    return {
        r: generator.synthesis.features(ws, inputs.layout, inputs.noise, r).mean(dim=1)
        for r in subject.config.generator.resolutions
    }


def total_heatmap(subject: Subject, num: int, size: int) -> Float[Tensor, "n r r"]:
    """Return the sum of all levels' heatmaps, each the mean of its sub-heatmaps; 0 if there are none."""
    layout, total = draw_samples(subject.config, SEED, 0, num).layout, torch.zeros(num, size, size)
    for level in range(len(layout.levels)):
        total = total + layout.render(level, size).mean(dim=1)
    return total


def _evidence(clear: dict[str, Float[np.ndarray, " n"]]) -> dict[str, dict[str, Number]]:
    """Return by how much each aligned training's finest features show the object better than the baseline's.

    The baseline of the same data set and seed is subtracted, sample by sample.
    """
    found = {}
    for run, values in clear.items():
        dataset, row, seed = run.split("/")
        theirs = clear.get(f"{dataset}/{BASELINE}/{seed}")
        if row != BASELINE and theirs is not None:
            number = known_mean(values - theirs)
            found |= {run: number} if number else {}
    return {"features_clear": found} if found else {}


def _picture(
    images: Float[Tensor, "n 3 r r"],
    masks: Float[Tensor, "n r r"],
    heat: Float[Tensor, "n r r"],
    means: dict[int, Float[Tensor, "n s s"]],
) -> Image.Image:
    lines = []
    for i in range(SHOWN):
        line = {"image": tiles.image_tile(images[i]), "object": tiles.map_tile(masks[i])}
        line["heatmap"] = tiles.map_tile(heat[i]) if heat.any() else tiles.word_tile("none")
        line |= {f"{r}x{r}": tiles.map_tile(raw[i]) for r, raw in means.items()}
        lines.append(line)
    return tiles.grid(lines)
