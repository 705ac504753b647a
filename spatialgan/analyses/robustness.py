"""Whether the discriminator's attention withstands damage to its images [paper, Fig. 13, top].

Real scenes, whose masks are known, are damaged more and more: by Gaussian noise, by blur and as JPEG. Two numbers: how
the maps correlate with those of the clean images, beyond how they do with those of other clean images, and how they
still agree with the object beyond other masks. Discriminators of random weights withstand damage too, so what counts is
what a training adds to the mean of several. Scenes whose clean map is the same everywhere are left out; where damage
makes a map so, nothing of it is left.

Shapes: n images, r pixels along an axis.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from spatialgan.analyses import maps, tiles
from spatialgan.analyses.controls import ahead_of, of_one, over_draws, ratio
from spatialgan.analyses.findings import LEAST, Findings, Number, Table, known_mean
from spatialgan.analyses.requests import NUM_UNTRAINED, Request, draw_scenes
from spatialgan.analyses.views import GROUND, PAPER, PerSample
from spatialgan.evaluation.bootstrap import Ratio
from spatialgan.extractors.corruptions import CORRUPTIONS
from spatialgan.networks.discriminator import Discriminator
from spatialgan.rng import generator_for
from spatialgan.snapshot import to_uint8

READINGS = (PAPER, "deviation")  # the paper's, and the one without a sign that sees most
SHOWN = 3  # scenes in the picture
CAPTION = (
    f"Real scenes, clean and damaged, and below each the map of the reading '{PAPER}' at 8x8 pixels, from its minimum"
    " (black) to its maximum (white); 'empty': it is the same everywhere. The first scenes whose clean map is not empty."
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


@dataclass(frozen=True)
class Withstood:
    """What is left of one discriminator's maps under each damage, by its name."""

    same: dict[str, PerSample]  # correlation with the clean map, beyond those of other images
    on_object: dict[str, PerSample]  # IoU with the object, beyond other masks

    def left(self, damage: str) -> Ratio:
        """Return which share of what clean maps say of their own images is left."""
        return ratio(self.same[damage], self.same["clean"])


def look_at_robustness(request: Request) -> Findings:
    """Return how attention of damaged images agrees with that of clean ones, and with objects, by run and damage."""
    tables: dict[str, Table] = {}
    evidence: dict[str, dict[str, Number]] = {}
    blocks: dict[str, Image.Image] = {}
    for reading in READINGS:
        tables[f"clean, {reading}"] = Table(
            f"Correlation with the map of the clean image, beyond those of other clean images: {reading}"
        )
        tables[f"left, {reading}"] = Table(f"Share of it that is left: {reading}")
        tables[f"object, {reading}"] = Table(
            f"IoU of the highest quarter with the object, beyond other masks: {reading}"
        )
    for subject in request.subjects:
        scenes = draw_scenes(subject.dataset, request.num, subject.config.generator.resolution)
        damaged = {name: damage(scenes.images) for name, damage in DAMAGES.items()}
        untrained = subject.untrained()
        for reading in READINGS:
            trained = withstood(subject.discriminator, damaged, scenes.masks, reading)
            draws = [withstood(d, damaged, scenes.masks, reading) for d in untrained]
            for name in damaged:
                _fill(tables, reading, subject.run, name, trained, draws)
            if reading == PAPER:
                for claim, number in _evidence(trained, draws).items():
                    evidence.setdefault(claim, {})[subject.run] = number
        blocks[f"{subject.run}: {subject.title}"] = _picture(subject.discriminator, damaged)
    protocol = {
        "num": request.num,
        "num_others": maps.NUM_OTHERS,
        "num_untrained": NUM_UNTRAINED,
        "least": LEAST,
        "resolutions": list(GROUND),
    }
    return Findings(tables, evidence, tiles.page(blocks), CAPTION, protocol)


def withstood(
    d: Discriminator, damaged: dict[str, Images], masks: Float[Tensor, "n r r"], reading: str
) -> Withstood:
    """Return what is left of a discriminator's maps of images that are damaged in each way, "clean" among them."""
    seen = {name: attention(d, images, reading) for name, images in damaged.items()}
    found = {name: agreement(each, seen["clean"], masks) for name, each in seen.items()}
    same, on_object = ({name: pair[i] for name, pair in found.items()} for i in (0, 1))
    return Withstood(same, on_object)


def attention(d: Discriminator, images: Images, reading: str) -> list[Float[Tensor, "n r r"]]:
    """Return the maps of a reading at the resolutions that L_align uses, enlarged to the images'."""
    logits, features = d(images.clone().requires_grad_())
    raw = maps.readings()[reading](logits, [features[r] for r in GROUND])
    return [tiles.enlarged_map(each.detach(), images.shape[-1]) for each in raw]


def agreement(
    found: list[Tensor], clean: list[Tensor], masks: Float[Tensor, "n r r"]
) -> tuple[PerSample, PerSample]:
    """Return how maps agree with the clean ones and with masks, each beyond those of others, as means over levels.

    NaN where a clean map is the same everywhere, and for the object where the map is. A map that is, of an image whose
    clean map isn't, agrees with it by 0.
    """
    same, on_object = [], []
    for mine, theirs in zip(found, clean, strict=True):
        lost = maps.is_empty(mine) & ~maps.is_empty(theirs)
        same.append(np.where(lost, 0.0, maps.lead(maps.correlation, mine, theirs)))
        on_object.append(maps.lead(maps.iou_of_top, mine, masks))
    return maps.mean_known(same), maps.mean_known(on_object)


def _fill(
    tables: dict[str, Table],
    reading: str,
    run: str,
    damage: str,
    trained: Withstood,
    draws: list[Withstood],
) -> None:
    """Put what a trained discriminator withstands, and on average those of random weights, into the tables."""
    clean, left, on_object = (tables[f"{name}, {reading}"] for name in ("clean", "left", "object"))
    clean.put(run, damage, known_mean(trained.same[damage]))
    clean.put(f"{run}, untrained", damage, over_draws([ratio(d.same[damage]) for d in draws]))
    on_object.put(run, damage, known_mean(trained.on_object[damage]))
    control = over_draws([ratio(d.on_object[damage]) for d in draws])
    on_object.put(f"{run}, untrained", damage, control)
    if damage != "clean":
        left.put(run, damage, of_one(trained.left(damage)))
        left.put(f"{run}, untrained", damage, over_draws([d.left(damage) for d in draws]))


def _evidence(trained: Withstood, draws: list[Withstood]) -> dict[str, Number]:
    """Return one training's evidence on each claim: how far it is beyond discriminators of random weights."""
    found = {
        "robust_noise": ahead_of(trained.left(CLAIMED), [d.left(CLAIMED) for d in draws]),
        "robust_object": ahead_of(
            ratio(trained.on_object[CLAIMED]), [ratio(d.on_object[CLAIMED]) for d in draws]
        ),
    }
    return {claim: number for claim, number in found.items() if number is not None}


def _picture(d: Discriminator, damaged: dict[str, Images]) -> Image.Image:
    seen = {name: attention(d, images, PAPER)[1] for name, images in damaged.items()}
    full = np.flatnonzero(~maps.is_empty(seen["clean"]))
    lines = []
    for i in (full if len(full) >= SHOWN else range(SHOWN))[:SHOWN]:
        lines.append({name: tiles.image_tile(images[i]) for name, images in damaged.items()})
        lines.append({name: tiles.map_tile(found[i]) for name, found in seen.items()})
    return tiles.grid(lines)
