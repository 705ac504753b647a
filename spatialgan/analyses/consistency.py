"""Whether attention is there early in a training and stays [paper, Fig. 13, bottom], and what it makes of bad samples.

A run's first thousands of images are trained once more (with the same result), and its
discriminator is looked at on the way. The maps of the same real scenes are compared with those at the end of the run,
beyond those of other scenes, and with the objects, beyond other masks; peaks, entropy and edges are followed too. The
early generators are poor ones, as in the top of the figure: the last discriminator is shown their samples. What counts
is how far all this is beyond several discriminators of random weights. Maps that are the same everywhere are left out.

Shapes: n images, r pixels along an axis.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from spatialgan.analyses import maps, tiles
from spatialgan.analyses.controls import ahead_of, over_draws, ratio
from spatialgan.analyses.findings import LEAST, Findings, Number, Table, known_mean
from spatialgan.analyses.parts import open_parser, skill_tables
from spatialgan.analyses.requests import (
    NUM_UNTRAINED,
    SEED,
    Request,
    Scenes,
    Subject,
    draw_scenes,
)
from spatialgan.analyses.robustness import READINGS, agreement, attention
from spatialgan.analyses.views import GROUND, PAPER, View
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
    " 8x8 pixels, from their minimum (black) to their maximum (white); 'empty': it is the same everywhere. Below, samples of"
    " the generators of these points."
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
    tables, (skill, frame) = _tables(), skill_tables()
    evidence: dict[str, dict[str, Number]] = {}
    blocks: dict[str, Image.Image] = {}
    for subject in request.subjects:
        size = subject.config.generator.resolution
        scenes = draw_scenes(subject.dataset, request.num, size)
        points, untrained = (
            train_again(subject, request.item["kimg"], request.num),
            subject.untrained(),
        )
        found = _of_maps(tables, subject, points, scenes, untrained)
        found |= _of_poor(tables["poor"], subject, points, untrained)
        _follow(tables, subject.run, points, scenes)
        parser = open_parser(subject.dataset, size)
        parser.put_skill(skill, subject.dataset)
        parser.put_frame(frame, subject.run, scenes.masks, points[EARLY].samples)
        if subject.snapshot.kimg <= request.item["kimg"]:  # else the points are early ones all
            for claim, number in found.items():
                evidence.setdefault(claim, {})[subject.run] = number
        blocks[f"{subject.run}: {subject.title}"] = _picture(points, scenes)
    protocol = {
        "num": request.num,
        "num_others": maps.NUM_OTHERS,
        "num_untrained": NUM_UNTRAINED,
        "least": LEAST,
        "resolutions": list(GROUND),
    }
    every = {**tables, "skill": skill, "frame": frame}
    return Findings(every, evidence, tiles.page(blocks), CAPTION, protocol)


def _tables() -> dict[str, Table]:
    """Return the tables, empty, in the order in which they are to be shown."""
    iou, tables = "IoU of the highest quarter with the object, beyond other masks", {}
    for reading in READINGS:
        tables[f"end, {reading}"] = Table(
            f"Correlation with the map at the end of the run, beyond those of other scenes: {reading}"
        )
        tables[f"object, {reading}"] = Table(f"{iou}: {reading}")
    return {
        **tables,
        "readings": Table(f"{iou}, mean over 4, 8 and 16 pixels: every reading"),
        "peaks": Table(f"Local peaks of a map: {PAPER}", digits=1),
        "entropy": Table(f"Entropy of a map over the most that it can be: {PAPER}"),
        "edges": Table(f"Correlation with edges, beyond those of other scenes: {PAPER}"),
        "poor": Table(
            f"The last discriminator in samples of the generator of each point, {iou}: {PAPER}"
        ),
    }


def _of_maps(
    tables: dict[str, Table],
    subject: Subject,
    points: list[Point],
    scenes: Scenes,
    untrained: list[Discriminator],
) -> dict[str, Number]:
    """Put how maps of real scenes agree with the last ones and with objects; return what that says of the claim."""
    evidence: dict[str, Number] = {}
    run, control = subject.run, f"{subject.run}, random weights"
    for reading in READINGS:
        last = attention(subject.discriminator, scenes.images, reading)
        kept = agreement(last, last, scenes.masks)[0]
        each = [
            agreement(attention(d, scenes.images, reading), last, scenes.masks)
            for d in (*untrained, *(point.d for point in points))
        ]
        draws, on_the_way = each[: len(untrained)], each[len(untrained) :]
        for number, (point, (same, on_object)) in enumerate(zip(points, on_the_way, strict=True)):
            tables[f"end, {reading}"].put(run, point.name, known_mean(same))
            tables[f"object, {reading}"].put(run, point.name, known_mean(on_object))
            if reading == PAPER and number == EARLY:
                there = ahead_of(ratio(same, kept), [ratio(d[0], kept) for d in draws])
                evidence |= {"consistent": there} if there else {}
        for i, name in enumerate(("end", "object")):
            number = over_draws([ratio(draw[i]) for draw in draws])
            tables[f"{name}, {reading}"].put(control, points[0].name, number)
    return evidence


def _of_poor(
    table: Table, subject: Subject, points: list[Point], untrained: list[Discriminator]
) -> dict[str, Number]:
    """Put where the last discriminator looks in samples of each point's generator; return what that says of the claim."""
    evidence: dict[str, Number] = {}
    parser = open_parser(subject.dataset, subject.config.generator.resolution)
    for number, point in enumerate(points):
        masks = parser.whole(point.samples)
        mine, *draws = (
            agreement(found, found, masks)[1]
            for d in (subject.discriminator, *untrained)
            for found in [attention(d, point.samples, PAPER)]
        )
        table.put(subject.run, point.name, known_mean(mine))
        controls = [ratio(draw) for draw in draws]
        table.put(f"{subject.run}, untrained", point.name, over_draws(controls))
        if number == EARLY:
            ahead = ahead_of(ratio(mine), controls)
            evidence |= {"robust_generator": ahead} if ahead else {}
    return evidence


def _follow(tables: dict[str, Table], run: str, points: list[Point], scenes: Scenes) -> None:
    """Put every reading's agreement with objects, and peaks, entropy and edges by resolution, at each point."""
    for point in points:
        view = View.of(point.d, scenes)
        for reading in view.maps:
            number = known_mean(view.on_object(reading))
            tables["readings"].put(f"{run}, {reading}", point.name, number)
        for r in view.resolutions:
            row = f"{run}, {r}x{r}"
            tables["peaks"].put(row, point.name, known_mean(view.peaks(PAPER, r)))
            tables["entropy"].put(row, point.name, known_mean(view.entropy(PAPER, [r])))
            tables["edges"].put(row, point.name, known_mean(view.on_edges(r)))


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
    samples = {point.name: tiles.image_tile(point.samples[0]) for point in points}
    lines.append({"scene": tiles.word_tile("samples"), **samples})
    return tiles.grid(lines)
