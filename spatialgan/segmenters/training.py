"""Train a segmenter on drawn scenes and score its masks on scenes that it has not seen.

Everything is a function of the seed; the same machine and thread count give the same weights. To make
a segmenter trainable, write a function `(job) -> None` that writes the job's weights, most easily a
`Learner` given to `learn`, and add it to TRAINERS under its key in SEGMENTERS.

Shapes: n images, r pixels per side.
"""

import dataclasses
import functools
import math
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from tqdm import tqdm

from spatialgan.files import file_sha256, read_whole, write_atomically
from spatialgan.provenance import source_commit
from spatialgan.records import write_record
from spatialgan.results import SegmenterFiles
from spatialgan.rng import generator_for
from spatialgan.segmenters.instances import MIN_AREA, Instances, trusted
from spatialgan.segmenters.oracle import save_table
from spatialgan.segmenters.registry import SEGMENTERS, open_segmenter
from spatialgan.segmenters.score import mask_ap
from spatialgan.segmenters.shipped import shipped_weights
from spatialgan.segmenters.truth import DrawingSeries, LabeledImages, draw_labeled, mirrored
from spatialgan.settings.params import Params
from spatialgan.tensor_file import read_tensors
from spatialgan.variants import choose

TRAINING_SEED = 2_000_003  # added to the data set's seed: scenes that no generator learns from
HELD_OUT_SEED = 3_000_017  # scenes that no segmenter learns from
AP_MIN_SCORE = 0.05  # average precision ranks uncertain detections too
WARMUP = 0.05  # of the steps
MAX_GRADIENT = 5.0  # norm


@dataclass(frozen=True)
class SegmenterTraining:
    """The numbers of one training."""

    series: DrawingSeries  # the data set's own
    steps: int = 1800
    seed: int = 0
    batch: int = 16
    max_scenes: int = 5000  # drawn once and seen again, half of the time mirrored
    max_held_out: int = 500
    learning_rate: float = 2e-3  # AdamW, cosine to 0
    weight_decay: float = 1e-4

    @property
    def num_scenes(self) -> int:
        """Return how many scenes are drawn to learn from."""
        return min(self.max_scenes, self.steps * self.batch)

    @property
    def num_held_out(self) -> int:
        """Return how many scenes are drawn to score with: a short training's score is short too."""
        return min(self.max_held_out, self.steps * self.batch)


@dataclass(frozen=True)
class SegmenterJob:
    """What a trainer gets: where the weights go, and what to learn."""

    weights: Path
    training: SegmenterTraining
    header: dict  # what the weights' file says about itself
    device: str


def training_of(params: Params, dataset: str, profile: str) -> SegmenterTraining:
    """Return how a data set's segmenter is trained in a profile; ValueError if nothing is drawn."""
    source = params.source(dataset, profile)
    if source["source"] != "procedural":
        published = [name for name in SEGMENTERS if name not in TRAINERS]
        raise ValueError(
            f"data set '{dataset}' of profile '{profile}' has no masks to learn from: "
            f"use published weights, {', '.join(published)}"
        )
    series = DrawingSeries(source["scene"], source["seed"], source["resolution"])
    steps = params.profile(profile).get("segmenter_steps", SegmenterTraining.steps)
    return SegmenterTraining(series, steps)


class Learner(Protocol):
    """A segmenter in training."""

    def parameters(self) -> Iterable[nn.Parameter]:  # pyright: ignore[reportReturnType]
        """Return what is trained."""

    def losses(
        self, images: UInt8[Tensor, "n 3 r r"], truth: Sequence[Instances]
    ) -> dict[str, Float[Tensor, ""]]:  # pyright: ignore[reportReturnType]
        """Return the losses of a batch, to be summed."""

    def save(self, path: Path, header: dict) -> None:
        """Write what `open_segmenter` reads."""


def train_segmenter(
    name: str, files: SegmenterFiles, training: SegmenterTraining, device: str, again: bool = False
) -> dict:
    """Train segmenter `name`, write its weights and its record, and return the record.

    The weights of a training that ships with the code are taken from there, unless they are asked for `again`; they
    are scored in any case. Raises ValueError, in one line, if it can't be trained or its library is missing.
    """
    trainer = choose(TRAINERS, "trainable segmenter", name)
    start, cpu = time.monotonic(), _cpu_seconds()
    header = {"segmenter": name, "training": dataclasses.asdict(training)}
    is_shipped = not again and take_shipped(files.weights, training, header)
    if not is_shipped:
        trainer(SegmenterJob(files.weights, training, header, device))
    cost = {
        "shipped": is_shipped,
        "seconds": round(time.monotonic() - start, 1),
        "cpu_seconds": round(_cpu_seconds() - cpu, 1),
        "threads": torch.get_num_threads(),
    }
    result = {
        **header,
        "sha256": file_sha256(files.weights),
        "commit": source_commit(),
        **cost,
        "min_area": MIN_AREA,
        "held_out": score_segmenter(name, files.weights, held_out(training), device),
    }
    write_record(files.record, result)
    return result


def take_shipped(weights: Path, training: SegmenterTraining, header: dict) -> bool:
    """Copy the weights that ship of exactly this training, by its header, to `weights`; return whether there are any.

    Raises ValueError if the file that ships is damaged.
    """
    path = shipped_weights(header["segmenter"], training.series.scene, training.series.resolution)
    if path is None:
        return False
    found = read_tensors(path).header
    if any(found.get(key) != value for key, value in header.items()):
        return False
    write_atomically(weights, read_whole(path))
    return True


def score_segmenter(name: str, weights: Path, labeled: LabeledImages, device: str) -> dict:
    """Return the average precision of a segmenter's masks, its counts and its speed."""
    segmenter = open_segmenter(name, weights, device, AP_MIN_SCORE)
    start = time.monotonic()
    found = segmenter(labeled.images)
    seconds = time.monotonic() - start
    counted = [trusted(one, 0.0) for one in labeled.truth]
    return {
        "num_images": len(labeled),
        "num_objects": sum(len(one) for one in counted),
        "num_by_class": dict(Counter(name for one in counted for name in one.classes)),
        "images_per_second": round(len(labeled) / seconds, 1),
        **mask_ap(found, labeled.truth),
    }


def learn(job: SegmenterJob, build: Callable[[tuple[str, ...]], Learner]) -> None:
    """Train the learner that `build` makes for the classes found, and save it."""
    training = job.training
    labeled = _draw(training, TRAINING_SEED, training.num_scenes, "scenes to learn from")
    with _own_randomness(training.seed, "segmenter weights", 0):
        learner = build(labeled.classes)
    parameters = list(learner.parameters())
    optimizer = torch.optim.AdamW(parameters, weight_decay=training.weight_decay)
    bar = tqdm(range(training.steps), desc="training", unit="step", disable=None)
    for step in bar:
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate * _schedule(step, training.steps)
        images, truth = _batch(labeled, training, step)
        # both libraries choose the boxes they learn from by the global generator
        with _own_randomness(training.seed, "segmenter step", step):
            losses = learner.losses(images, truth)
        loss = sum(losses.values())
        if not loss.isfinite():  # pyright: ignore[reportAttributeAccessIssue]
            raise FloatingPointError(f"the segmenter's loss is {loss.item()} at step {step}")  # pyright: ignore[reportAttributeAccessIssue]
        optimizer.zero_grad()
        loss.backward()  # pyright: ignore[reportAttributeAccessIssue]
        nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT)
        optimizer.step()
        if step % 50 == 0:
            bar.set_postfix({name: f"{value.item():.2f}" for name, value in losses.items()})
    learner.save(job.weights, job.header)


def held_out(training: SegmenterTraining) -> LabeledImages:
    """Return the scenes that a segmenter is scored on and no training learns from."""
    return _draw(training, HELD_OUT_SEED, training.num_held_out, "held-out scenes")


def _draw(training: SegmenterTraining, offset: int, count: int, title: str) -> LabeledImages:
    series = dataclasses.replace(training.series, seed=training.series.seed + offset)
    return draw_labeled(series, count, title)


def _batch(
    labeled: LabeledImages, training: SegmenterTraining, step: int
) -> tuple[UInt8[Tensor, "n 3 r r"], list[Instances]]:
    """Return the scenes of a step: each scene once, in random order, then all again in another order."""
    place = torch.arange(step * training.batch, (step + 1) * training.batch)
    generator = generator_for(training.seed, "segmenter batch", step)
    chosen = []
    for at in place.tolist():
        turn, index = divmod(at, len(labeled))
        chosen.append(_order(training.seed, turn, len(labeled))[index])
    flip = torch.rand(training.batch, generator=generator) < 0.5
    pairs = [(labeled.images[i], labeled.truth[i]) for i in chosen]
    pairs = [mirrored(*pair) if f else pair for pair, f in zip(pairs, flip.tolist(), strict=True)]
    return torch.stack([image for image, _ in pairs]), [truth for _, truth in pairs]


@functools.lru_cache(maxsize=2)
def _order(seed: int, turn: int, count: int) -> list[int]:
    return torch.randperm(count, generator=generator_for(seed, "segmenter order", turn)).tolist()


def _schedule(step: int, steps: int) -> float:
    """Return the learning rate's factor: a linear rise, then half a cosine to 0."""
    return min(1.0, (step + 1) / (WARMUP * steps)) * (1 + math.cos(math.pi * step / steps)) / 2


@contextmanager
def _own_randomness(seed: int, stream: str, index: int) -> Iterator[None]:
    """Seed torch's global generators inside the block, and leave them as they were."""
    with torch.random.fork_rng():
        torch.manual_seed(generator_for(seed, stream, index).initial_seed())
        yield


def _cpu_seconds() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def _train_oracle(job: SegmenterJob) -> None:
    """Write the truth of the held-out scenes."""
    scenes = held_out(job.training)
    save_table(job.weights, scenes.images, scenes.truth, job.header)


def _train_torchvision(job: SegmenterJob) -> None:
    from spatialgan.segmenters.mask_rcnn import MaskRcnnLearner, MaskRcnnShape

    learn(job, lambda classes: MaskRcnnLearner(MaskRcnnShape(), classes, job.device))


def _train_detectron(job: SegmenterJob) -> None:
    from spatialgan.segmenters.detectron import DetectronLearner, require

    require()  # before anything is drawn
    learn(job, lambda classes: DetectronLearner(classes, job.device))


TRAINERS: dict[str, Callable[[SegmenterJob], None]] = {
    "torchvision": _train_torchvision,
    "detectron2": _train_detectron,
    "oracle": _train_oracle,
}
