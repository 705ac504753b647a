"""The regions of one image and what all rivals share there: Gram matrices, gradients and the seconds that they took.

Shapes: n images, r resolution, k regions, f features.
"""

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spatialgan.directions.jacobian import Grams, NoDirection, gram_matrices
from spatialgan.directions.problem import Problem
from spatialgan.directions.regions import parse_region
from spatialgan.directions.spaces import Change, open_space
from spatialgan.directions.stylespace import StyleSpace, gradient_maps
from spatialgan.evaluation.links import REDRAWN
from spatialgan.evaluation.rivals import BOXES, DISC, DISCS, Case, Rival
from spatialgan.evaluation.trials import (
    Trials,
    is_steerable,
    snapshot_renderer,
    trial_batches,
)
from spatialgan.heatmaps.moves import move_objects, objects
from spatialgan.networks.generator import GeneratorInputs, SynthesisInputs
from spatialgan.snapshot import Snapshot, draw_samples


@dataclass(frozen=True)
class Subject:
    """One image whose regions are to be changed."""

    snapshot: Snapshot
    sample: GeneratorInputs
    trial: Trials | None  # the object and the move to try; None if the model has no objects
    seed: int
    index: int  # of the sample

    def inputs(self) -> SynthesisInputs:
        """Return what the image is made from."""
        return _synthesis_inputs(self.snapshot, self.sample)

    def redrawn(self) -> SynthesisInputs:
        """Return the same with the latents of another sample."""
        return _synthesis_inputs(self.snapshot, replace(self.sample, z=self._other().z))

    def stranger(self) -> SynthesisInputs:
        """Return what another image is made from."""
        return _synthesis_inputs(self.snapshot, self._other())

    def regions(self) -> dict[str, Bool[Tensor, "r r"]]:
        """Return two boxes, and around the object to try its disc, and where it moves both."""
        size = self.snapshot.config.generator.resolution
        boxes = {name: parse_region(text) for name, text in BOXES.items()}
        masks = {name: box.pixels(size) for name, box in boxes.items()}  # pyright: ignore[reportAttributeAccessIssue]
        if self.trial is None:
            return masks
        layout = self.trial.samples.layout
        both = [layout, move_objects(layout, self.trial.objects, self.trial.offsets)]
        here, there = (_disc(objects(one).render(size), self.trial) for one in both)
        return {**masks, DISC: here, DISCS: here | there}

    def own_region(self, rival: Rival) -> str:
        """Return the region that a rival is judged by where there is to be one only."""
        fitting = rival.regions
        if self.trial is not None:
            fitting = [name for name in (DISC, DISCS) if name in rival.regions] or fitting
        return fitting[0]

    def _other(self) -> GeneratorInputs:
        first = REDRAWN + self.index
        return draw_samples(self.snapshot.config, self.seed, first, first + 1)


def subjects(snapshot: Snapshot, seed: int, num: int, start: int) -> Iterator[Subject]:
    """Yield `num` images of samples `start` and on, each with the object to try where the model has objects."""
    renderer = snapshot_renderer(snapshot, seed)
    if not is_steerable(renderer):
        for index in range(start, start + num):
            yield Subject(snapshot, renderer.draw(index, index + 1), None, seed, index)
        return
    for trials in trial_batches(renderer, seed, num, start, 1):
        yield Subject(snapshot, trials.samples, trials, seed, trials.indices[0])


@dataclass(frozen=True)
class Prepared:
    """A region of an image, and the seconds that what is known of it took, by space."""

    case: Case
    seconds: dict[str, float]


def prepared(
    subject: Subject, rivals: Mapping[str, Rival], regions: Collection[str]
) -> Iterator[Prepared]:
    """Yield the image's regions of these names, with what the rivals need."""
    inputs, again = subject.inputs(), subject.redrawn()
    masks = {name: mask for name, mask in subject.regions().items() if name in regions}
    solved, seconds, maps = {}, {}, None
    for name in dict.fromkeys(rival.space for rival in rivals.values() if rival.space):
        began = time.process_time()
        space = open_space(name, subject.snapshot.config.generator, (), ())
        stacked = torch.stack(list(masks.values())).to(inputs.ws.device)
        problem = Problem(subject.snapshot, inputs, space, stacked[0])
        if name == "style":
            maps = gradient_maps(problem, min(StyleSpace.cells, stacked.shape[-1]))
        else:
            solved[name] = gram_matrices(problem.jacobian, stacked)
        seconds[name] = time.process_time() - began
    for number, (region, mask) in enumerate(masks.items()):
        grams = {name: _of_region(found, number) for name, found in solved.items()}
        case = Case(
            subject.snapshot,
            inputs,
            again,
            subject.trial,
            subject.index,
            region,
            mask,
            grams,
            maps,
        )
        yield Prepared(case, seconds)


def find(rival: Rival, prepared: Prepared) -> tuple[SynthesisInputs | Change | None, float]:
    """Return a rival's way, and the seconds it took; None where it doesn't apply, or finds no direction."""
    began = time.process_time()
    try:
        found = rival.find(prepared.case)
    except NoDirection:  # LowRankGAN on some regions
        found = None
    return found, time.process_time() - began + prepared.seconds.get(rival.space, 0.0)


def _disc(heatmaps: Float[Tensor, "1 k r r"], trial: Trials) -> Bool[Tensor, "r r"]:
    heatmap = heatmaps[0, int(trial.objects[0])]
    return heatmap >= heatmap.max() / 2


def _synthesis_inputs(snapshot: Snapshot, sample: GeneratorInputs) -> SynthesisInputs:
    sample = sample.to(snapshot.w_avg.device)
    with torch.no_grad():
        ws = snapshot.generator.styles(sample.z, sample.layout)
    return SynthesisInputs(ws, sample.layout, sample.noise)


def _of_region(grams: Grams, number: int) -> Grams:
    return replace(grams, belongs=grams.belongs[:, number : number + 1])
