"""Whether attention is there early in a training and stays [paper, Fig. 13, bottom], and what it makes of bad samples.

A run's first thousands of images are trained once more (with the same result), and its
discriminator is looked at on the way. The maps of the same real scenes are compared with those at the end of the run,
beyond those of other scenes, and with the objects, beyond other masks. The early generators are poor ones, as in
the top of the figure: the last discriminator is shown their samples.

Shapes: n images, r pixels along an axis.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from spatialgan.analyses import maps, tiles
from spatialgan.analyses.attention import GROUND, PAPER
from spatialgan.analyses.findings import Findings, Number, Table, mean_of, share_of
from spatialgan.analyses.parts import open_parser
from spatialgan.analyses.requests import SEED, Request, Scenes, Subject, draw_scenes
from spatialgan.analyses.robustness import READINGS, agreement, attention
from spatialgan.data.archive import ImageArchive
from spatialgan.data.prepare import check_archive
from spatialgan.networks.discriminator import Discriminator
from spatialgan.snapshot import Snapshot, draw_samples, mean_style, render
from spatialgan.training.feed import real_batches
from spatialgan.training.loop import resolve_precision, take_step
from spatialgan.training.phases import Step
from spatialgan.training.processes import Processes
from spatialgan.training.state import TrainState, new_state

FRACTIONS = (
    0,
    1 / 32,
    1 / 16,
    1 / 8,
    1 / 4,
    1 / 2,
    3 / 4,
    1,
)  # of the images, where D is looked at
EARLY = 2  # which of these points the claim is judged at
SHOWN = 3  # scenes in the picture
CAPTION = (
    f"Real scenes, and where the discriminator looks in them at points of its training: maps of the reading '{PAPER}' at"
    " 8x8 pixels, from their minimum (black) to their maximum (white). Below, samples of the generators of these points."
)


@dataclass(frozen=True)
class Point:
    """What a training had reached at one of the points."""

    kimg: float
    d: Discriminator
    samples: Float[Tensor, "n 3 r r"]  # of the averaged generator

    @property
    def name(self) -> str:
        """Return it for people."""
        return f"{self.kimg:.3g} kimg"


def look_at_consistency(request: Request) -> Findings:
    """Return how attention at each point agrees with that at the end and with objects, by run and point."""
    tables: dict[str, Table] = {}
    for reading in READINGS:
        tables[f"end, {reading}"] = Table(
            f"Correlation with the map at the end of the run, beyond those of other scenes: {reading}"
        )
        tables[f"object, {reading}"] = Table(
            f"IoU of the highest quarter with the object, beyond other masks: {reading}"
        )
    tables["poor"] = Table(
        f"The last discriminator in samples of the generator of each point, IoU as above: {PAPER}"
    )
    evidence: dict[str, dict[str, Number]] = {"consistent": {}, "robust_generator": {}}
    blocks: dict[str, Image.Image] = {}
    for subject in request.subjects:
        size = subject.config.generator.resolution
        scenes = draw_scenes(subject.dataset, request.num, size)
        points = train_again(subject, request.item["kimg"], request.num)
        for reading in READINGS:
            last = attention(subject.discriminator, scenes.images, reading)
            kept = agreement(last, last, scenes.masks)[0]
            for number, point in enumerate(points):
                seen = attention(point.d, scenes.images, reading)
                same, on_object = agreement(seen, last, scenes.masks)
                tables[f"end, {reading}"].put(subject.run, point.name, mean_of(same))
                tables[f"object, {reading}"].put(subject.run, point.name, mean_of(on_object))
                if reading == PAPER and number == EARLY:
                    evidence["consistent"][subject.run] = share_of(same, kept)
        for number, point in enumerate(points):
            poor = Scenes(point.samples, open_parser(subject.dataset, size).whole(point.samples))
            found = attention(subject.discriminator, poor.images, PAPER)
            on_object = agreement(found, found, poor.masks)[1]
            tables["poor"].put(subject.run, point.name, mean_of(on_object))
            if number == EARLY:
                evidence["robust_generator"][subject.run] = mean_of(on_object)
        blocks[f"{subject.run}: {subject.title}"] = _picture(points, scenes)
    protocol = {"num": request.num, "num_others": maps.NUM_OTHERS, "resolutions": list(GROUND)}
    return Findings(tables, evidence, tiles.page(blocks), CAPTION, protocol)


def train_again(subject: Subject, kimg: float, num: int) -> list[Point]:
    """Return what a run had reached at FRACTIONS of its first `kimg` thousand images, with `num` samples at each.

    Raises ValueError if the archive is not the one that the data set's record describes.
    """
    processes = Processes()
    config = resolve_precision(subject.config, processes.device)
    files = subject.results.dataset(subject.dataset)
    archive = ImageArchive(files.archive)
    check_archive(archive, files)
    state, batch = new_state(config, processes.device), config.training.batch
    dtype = torch.bfloat16 if config.training.precision == "bf16" else torch.float32
    reals = real_batches(archive, config, 0, processes)
    points = []
    for fraction in FRACTIONS:
        while state.cur_nimg < fraction * kimg * 1000:
            take_step(Step(config, state, processes, next(reals), state.cur_nimg // batch, dtype))
        points.append(_point(subject, state, num))
    return points


def _point(subject: Subject, state: TrainState, num: int) -> Point:
    d = Discriminator(subject.config.discriminator)
    d.load_state_dict({name: tensor.cpu() for name, tensor in state.d.state_dict().items()})
    average = mean_style(state.g_ema, subject.config)
    snapshot = Snapshot(state.g_ema, average, subject.config, state.cur_nimg / 1000)
    samples = render(snapshot, draw_samples(subject.config, SEED, 0, num))
    return Point(snapshot.kimg, d.requires_grad_(False), samples.float().cpu().clamp(-1, 1))


def _picture(points: list[Point], scenes: Scenes) -> Image.Image:
    few: Float[Tensor, "n 3 r r"] = scenes.images[:4]  # a group of the minibatch deviation
    seen = {point.name: attention(point.d, few, PAPER)[1] for point in points}
    lines = []
    for i in range(SHOWN):
        line = {"scene": tiles.image_tile(few[i])}
        lines.append(line | {name: tiles.map_tile(found[i]) for name, found in seen.items()})
    blank = tiles.map_tile(torch.zeros_like(scenes.masks[0]))
    samples = {point.name: tiles.image_tile(point.samples[0]) for point in points}
    lines.append({"scene": blank, **samples})
    return tiles.grid(lines)
