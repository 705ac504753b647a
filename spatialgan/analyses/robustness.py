"""Whether the discriminator's attention withstands damage to its images [paper, Fig. 13, top].

Real scenes, whose masks are known, are damaged more and more: by Gaussian noise, by blur and as JPEG. Two numbers: how
the maps correlate with those of the clean images, beyond how they do with those of other clean images, and how they
still agree with the object beyond other masks.

Shapes: n images, r pixels along an axis.
"""

from collections.abc import Callable
from io import BytesIO

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from spatialgan.analyses import maps, tiles
from spatialgan.analyses.attention import GROUND, PAPER
from spatialgan.analyses.findings import Findings, Number, Table, mean_of, share_of
from spatialgan.analyses.requests import Request, draw_scenes
from spatialgan.extractors.corruptions import CORRUPTIONS
from spatialgan.networks.discriminator import Discriminator
from spatialgan.rng import generator_for
from spatialgan.snapshot import to_uint8

READINGS = (PAPER, "deviation")  # the paper's, and the one without a sign that sees most
SHOWN = 3  # scenes in the picture
CAPTION = (
    f"Real scenes, clean and damaged, and below each the map of the reading '{PAPER}' at 8x8 pixels, from its minimum"
    " (black) to its maximum (white)."
)

Images = Float[Tensor, "n 3 r r"]


def noisy(images: Images, std: float) -> Images:
    """Return images plus Gaussian noise; `std` is in units of their range, [-1, 1]."""
    strength = torch.full((len(images),), std / 0.6)  # CORRUPTIONS' unit
    return CORRUPTIONS["noise"](images, strength, generator_for(0, "robustness", 0))


def blurred(images: Images, width: float) -> Images:
    """Return images blurred with a Gaussian whose standard deviation is `width` of theirs."""
    strength = torch.full((len(images),), width * 32 / 3)  # CORRUPTIONS' unit
    return CORRUPTIONS["blur"](images, strength, generator_for(0, "robustness", 1))


def as_jpeg(images: Images, quality: int) -> Images:
    """Return images as they come back from a JPEG file."""
    found = []
    for image in to_uint8(images):
        buffer = BytesIO()
        picture = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
        picture.save(buffer, format="JPEG", quality=quality)
        pixels = torch.from_numpy(np.array(Image.open(buffer)))
        found.append(pixels.permute(2, 0, 1).float() / 127.5 - 1)
    return torch.stack(found)


DAMAGES: dict[str, Callable[[Images], Images]] = {
    "clean": lambda images: images,
    "noise 0.1": lambda images: noisy(images, 0.1),
    "noise 0.3": lambda images: noisy(images, 0.3),
    "noise 0.6": lambda images: noisy(images, 0.6),
    "blur 1/32": lambda images: blurred(images, 1 / 32),
    "blur 3/32": lambda images: blurred(images, 3 / 32),
    "JPEG 50": lambda images: as_jpeg(images, 50),
    "JPEG 10": lambda images: as_jpeg(images, 10),
}
CLAIMED = "noise 0.3"  # by which the paper's claim is judged


def look_at_robustness(request: Request) -> Findings:
    """Return how attention of damaged images agrees with that of clean ones, and with objects, by run and damage."""
    tables: dict[str, Table] = {}
    evidence: dict[str, dict[str, Number]] = {"robust_noise": {}, "robust_object": {}}
    blocks: dict[str, Image.Image] = {}
    for reading in READINGS:
        tables[f"clean, {reading}"] = Table(
            f"Correlation with the map of the clean image, beyond those of other clean images: {reading}"
        )
        tables[f"object, {reading}"] = Table(
            f"IoU of the highest quarter with the object, beyond other masks: {reading}"
        )
    for subject in request.subjects:
        scenes = draw_scenes(subject.dataset, request.num, subject.config.generator.resolution)
        damaged = {name: damage(scenes.images) for name, damage in DAMAGES.items()}
        for state, d in (("", subject.discriminator), (", untrained", subject.untrained())):
            for reading in READINGS:
                seen = {name: attention(d, images, reading) for name, images in damaged.items()}
                kept = agreement(seen["clean"], seen["clean"], scenes.masks)[0]
                for name, found in seen.items():
                    same, on_object = agreement(found, seen["clean"], scenes.masks)
                    row = f"{subject.run}{state}"
                    tables[f"clean, {reading}"].put(row, name, mean_of(same))
                    tables[f"object, {reading}"].put(row, name, mean_of(on_object))
                    if (state, reading, name) == ("", PAPER, CLAIMED):
                        evidence["robust_noise"][subject.run] = share_of(same, kept)
                        evidence["robust_object"][subject.run] = mean_of(on_object)
        blocks[f"{subject.run}: {subject.title}"] = _picture(subject.discriminator, damaged)
    protocol = {"num": request.num, "num_others": maps.NUM_OTHERS, "resolutions": list(GROUND)}
    return Findings(tables, evidence, tiles.page(blocks), CAPTION, protocol)


def attention(d: Discriminator, images: Images, reading: str) -> list[Float[Tensor, "n r r"]]:
    """Return the maps of a reading at the resolutions that L_align uses, enlarged to the images'."""
    logits, features = d(images.clone().requires_grad_())
    raw = maps.readings()[reading](logits, [features[r] for r in GROUND])
    return [tiles.enlarged_map(each.detach(), images.shape[-1]) for each in raw]


def agreement(
    found: list[Tensor], clean: list[Tensor], masks: Float[Tensor, "n r r"]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Return how maps agree with the clean ones and with masks, each beyond those of others, as means over levels."""
    same, on_object = [], []
    for mine, theirs in zip(found, clean, strict=True):
        own, others = maps.beyond(maps.correlation, mine, theirs)
        same.append(own - others)
        own, others = maps.beyond(maps.iou_of_top, mine, masks)
        on_object.append(own - others)
    return np.mean(same, axis=0), np.mean(on_object, axis=0)


def _picture(d: Discriminator, damaged: dict[str, Images]) -> Image.Image:
    seen = {name: attention(d, images, PAPER)[1] for name, images in damaged.items()}
    lines = []
    for i in range(SHOWN):
        lines.append({name: tiles.image_tile(images[i]) for name, images in damaged.items()})
        lines.append({name: tiles.map_tile(found[i]) for name, found in seen.items()})
    return tiles.grid(lines)
