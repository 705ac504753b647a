"""Train the scene extractor on drawn scenes: what is there, where, in which color, and how damaged.

All tasks are read from the 64 features by one linear map, so what they need is there for a distance
to see. On clean scenes: the kind of scene, and per class its presence, area, center and mean color.
On all images: an 8 x 8 thumbnail, and which corruption was applied how strongly (half of a batch
has one). Everything drawn is a function of the seed; the same machine and thread count give the
same weights.

Shapes: n images, k classes, t corruptions.
"""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from tqdm import tqdm

from spatialgan.drawn import DRAWINGS
from spatialgan.extractors.corruptions import CORRUPTIONS, TRAINED
from spatialgan.extractors.network import (
    NUM_FEATURES,
    SceneExtractor,
    initialize,
    load_extractor,
    network_input,
    save_extractor,
)
from spatialgan.extractors.targets import Examples, draw_examples
from spatialgan.rng import generator_for

THUMBNAIL_SIDE = 8  # pixels
HELD_OUT_SEED = 1_000_003  # added to the seed: a series of scenes no training sees


@dataclass(frozen=True)
class ExtractorTraining:
    """The numbers of one training."""

    seed: int = 0
    num_per_kind: int = 4000  # scenes of each kind
    num_held_out_per_kind: int = 250
    steps: int = 5000
    batch: int = 64
    learning_rate: float = 2e-3  # Adam, cosine to 0
    quality_weight: float = 4.0  # of the corruption task against all others


SHIPPED = ExtractorTraining()  # how the weights that ship with the code were trained


class Heads(nn.Module):
    """One linear map from the features to all tasks; used in training only."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.sizes = {
            "kinds": len(DRAWINGS),
            "presence": num_classes,
            "areas": num_classes,
            "centers": num_classes * 2,
            "colors": num_classes * 3,
            "dominant": 2,
            "thumbnail": 3 * THUMBNAIL_SIDE**2,
            "quality": len(TRAINED),
        }
        self.linear = nn.Linear(NUM_FEATURES, sum(self.sizes.values()))

    def forward(self, features: Float[Tensor, "n 64"]) -> dict[str, Float[Tensor, "n _"]]:
        """Return every task's prediction, by its name in `sizes`, as numbers per image."""
        parts = self.linear(features).split(list(self.sizes.values()), dim=1)
        return dict(zip(self.sizes, parts, strict=True))


def train_extractor(output: Path, training: ExtractorTraining = SHIPPED) -> dict:
    """Train, save to `output`, and return its header: the settings and held-out results."""
    examples, names = draw_examples(training.seed, training.num_per_kind)
    extractor, heads = SceneExtractor(), Heads(len(names))
    initialize(extractor, generator_for(training.seed, "extractor weights", 0))
    nn.init.zeros_(heads.linear.weight)
    nn.init.zeros_(heads.linear.bias)
    _optimize(extractor, heads, examples, training)
    header = {
        "training": dataclasses.asdict(training),
        "kinds": sorted(DRAWINGS),
        "classes": list(names),
        "corruptions": list(TRAINED),
    }
    save_extractor(output, extractor, header)
    saved, _ = load_extractor(output)  # what is reported is what fp16 left of it
    header["held_out"] = held_out_results(saved, heads, names, training)
    save_extractor(output, saved, header)
    return load_extractor(output)[1]


def corrupted(
    images: UInt8[Tensor, "n 3 h w"], quality: Float[Tensor, "n t"], generator: torch.Generator
) -> UInt8[Tensor, "n 3 h w"]:
    """Return the images with corruption t applied at strength quality[:, t]."""
    x = images.float() / 127.5 - 1
    for name, strength in zip(TRAINED, quality.unbind(1), strict=True):
        hit = strength > 0
        if hit.any():
            # other images of the batch take part in blends, so the whole batch is worked on
            x = torch.where(hit[:, None, None, None], CORRUPTIONS[name](x, strength, generator), x)
    return ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def _optimize(
    extractor: SceneExtractor, heads: Heads, examples: Examples, training: ExtractorTraining
) -> None:
    parameters = [*extractor.parameters(), *heads.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=training.learning_rate, betas=(0.9, 0.99))
    extractor.train()
    bar = tqdm(range(training.steps), desc="training", unit="step", disable=None)
    for step in bar:
        generator = generator_for(training.seed, "extractor step", step)
        for group in optimizer.param_groups:
            warmup = min(1.0, (step + 1) / 200)
            cosine = (1 + math.cos(math.pi * step / training.steps)) / 2
            group["lr"] = training.learning_rate * warmup * cosine
        chosen = torch.randint(len(examples), (training.batch,), generator=generator)
        batch = examples[chosen]
        batch = batch.mirrored(torch.rand(training.batch, generator=generator) < 0.5)
        quality = _draw_quality(training.batch, generator)
        images = corrupted(batch.images, quality, generator)
        losses = task_losses(heads(extractor(images)), batch, images, quality)
        weights = {"quality": training.quality_weight}
        loss = sum(weights.get(name, 1.0) * value for name, value in losses.items())
        optimizer.zero_grad()
        loss.backward()  # pyright: ignore[reportAttributeAccessIssue]
        optimizer.step()
        if step % 200 == 0:
            bar.set_postfix({name: f"{value.item():.3f}" for name, value in losses.items()})
    extractor.eval()


def _draw_quality(count: int, generator: torch.Generator) -> Float[Tensor, "n t"]:
    """Return strengths in [0, 1], at most one above 0 per image: half of the images stay clean."""
    which = torch.randint(len(TRAINED), (count,), generator=generator)
    strength = torch.rand(count, generator=generator)
    strength = torch.where(torch.arange(count) < count // 2, 0.0, strength)
    return F.one_hot(which, len(TRAINED)) * strength[:, None]


def task_losses(
    predicted: dict[str, Float[Tensor, "n _"]],
    batch: Examples,
    images: UInt8[Tensor, "n 3 32 32"],
    quality: Float[Tensor, "n t"],
) -> dict[str, Float[Tensor, ""]]:
    """Return one loss per task, each of order 1 before training."""
    clean = (quality == 0).all(dim=1)
    p = {name: value[clean] for name, value in predicted.items()}
    seen = batch.presence[clean]
    num = len(seen), seen.shape[1]
    thumbnail = F.interpolate(network_input(images), (THUMBNAIL_SIDE, THUMBNAIL_SIDE), mode="area")

    def masked(name: str, target: Float[Tensor, "n k c"]) -> Float[Tensor, ""]:
        error = (p[name].reshape(*num, -1) - target).square().mean(dim=2)
        return (error * seen).sum() / seen.sum().clamp(min=1)

    return {
        "kinds": F.cross_entropy(p["kinds"], batch.kinds[clean]),
        "presence": F.binary_cross_entropy_with_logits(p["presence"], seen.float()),
        "areas": 20 * F.mse_loss(p["areas"], batch.areas[clean]),
        "centers": 5 * masked("centers", batch.centers[clean]),
        "colors": 4 * masked("colors", batch.colors[clean]),
        "dominant": 5 * F.mse_loss(p["dominant"], batch.dominant[clean]),
        "thumbnail": 4 * F.mse_loss(predicted["thumbnail"], thumbnail.flatten(1)),
        "quality": 10 * F.mse_loss(predicted["quality"], quality),
    }


@torch.no_grad()
def held_out_results(
    extractor: SceneExtractor, heads: Heads, names: tuple[str, ...], training: ExtractorTraining
) -> dict[str, float]:
    """Return how well unseen scenes are read: accuracies in [0, 1], errors in units of [-1, 1]."""
    examples, found = draw_examples(training.seed + HELD_OUT_SEED, training.num_held_out_per_kind)
    common = [name for name in found if name in names]  # a short training may miss a rare class
    column, own = [names.index(name) for name in common], [found.index(name) for name in common]
    p = heads(extractor(examples.images))
    seen = examples.presence[:, own]
    guess = p["presence"][:, column] > 0
    centers = p["centers"].reshape(len(seen), -1, 2)[:, column]
    colors = p["colors"].reshape(len(seen), -1, 3)[:, column]
    generator = generator_for(training.seed + HELD_OUT_SEED, "extractor held out", 0)
    quality = _draw_quality(len(seen), generator)
    order = torch.randperm(len(seen), generator=generator)
    images = corrupted(examples.images[order], quality, generator)
    q = heads(extractor(images))["quality"]
    strong = quality.amax(dim=1) > 0.5
    results = {
        "scene_accuracy": (p["kinds"].argmax(1) == examples.kinds).float().mean(),
        "presence_accuracy": (guess == seen).float().mean(),
        "presence_f1": 2 * (guess & seen).sum() / (guess.sum() + seen.sum()),
        "center_error": (centers - examples.centers[:, own])[seen].norm(dim=1).mean(),
        "dominant_center_error": (p["dominant"] - examples.dominant).norm(dim=1).mean(),
        "color_error": (colors - examples.colors[:, own])[seen].abs().mean(),
        "corruption_r2": 1
        - (q - quality).square().sum() / (quality - quality.mean(0)).square().sum(),
        "strong_corruption_accuracy": (q.argmax(1) == quality.argmax(1))[strong].float().mean(),
    }
    return {name: round(float(value), 4) for name, value in results.items()}
