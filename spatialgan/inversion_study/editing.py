"""Whether inverted scenes can be edited: locality and Co-move Ratio, next to those of the model's own samples.

Each scene is edited several times, and intervals draw whole scenes again, since edits of one scene resemble each other.

Shapes: n scenes, t edits, l layers, *m codes where there are several, w style space, r pixels along an axis.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from spatialgan.evaluation.comove import BATCH, observe
from spatialgan.evaluation.comove_scores import Observation, score_ratios
from spatialgan.evaluation.locality import effects_of
from spatialgan.evaluation.trials import Renderer, is_steerable, trial_batches
from spatialgan.heatmaps.layout import Layout
from spatialgan.inversion.starts import fixed_noise, images_of
from spatialgan.inversion_study.kept import Inverted
from spatialgan.inversion_study.replicates import Number
from spatialgan.networks.generator import GeneratorInputs
from spatialgan.scenes.render import scene_inputs
from spatialgan.segmenters.registry import Segmenter
from spatialgan.snapshot import to_uint8

SEED = 0  # of edits: which object, how far


def inverted_renderer(found: Sequence[Inverted]) -> Renderer:
    """Return inverted scenes as samples that measures can edit, over and over; scenes may be of different models.

    A sample's place in `found` and its styles take the place of its latent.
    """
    inputs = [scene_inputs(one.scene, one.model.snapshot) for one in found]
    ws = torch.cat([one.ws for one in inputs])
    noise = fixed_noise(found[0].model.snapshot)
    places = torch.arange(len(found))[:, None].float()
    samples = GeneratorInputs(
        torch.cat([places, ws.flatten(1)], dim=1),
        Layout.cat([one.layout for one in inputs]),
        [maps.expand(len(found), -1, -1, -1) for maps in noise],
    )

    @torch.no_grad()
    def render(inputs: GeneratorInputs) -> UInt8[Tensor, "n 3 r r"]:
        styles = inputs.z[:, 1:].unflatten(1, ws.shape[1:])
        images = []
        for i, place in enumerate(inputs.z[:, 0].long().tolist()):
            snapshot = found[place].model.snapshot
            images.append(images_of(snapshot, styles[i : i + 1], inputs.layout[i : i + 1], noise))
        return to_uint8(torch.cat(images))

    return repeated(
        Renderer(lambda start, stop: samples.take(range(start, stop)), render), len(found)
    )


def repeated(renderer: Renderer, num: int) -> Renderer:
    """Return the first `num` samples of a renderer over and over."""
    samples = renderer.draw(0, num)

    def draw(start: int, stop: int) -> GeneratorInputs:
        return samples.take([i % num for i in range(start, stop)])

    return Renderer(draw, renderer.render)


def editability(
    renderer: Renderer, num: int, edits: int, segmenter: Segmenter | None, seed: int
) -> dict[str, Number]:
    """Return the locality of moves and removals and, with a segmenter, Co-move Ratios of `num` repeated scenes.

    `seed` is that of the resampling. Models whose layouts have no objects have no such numbers.
    """
    effects: dict[str, np.ndarray] = {}
    seen: list[Observation] = []
    if not is_steerable(renderer):
        return {}
    for trials in trial_batches(renderer, SEED, num * edits, 0, BATCH):
        scenes = [index % num for index in trials.indices]
        for name, part in effects_of(trials, renderer, SEED).items():
            columns = np.array([list(vars(effect).values()) for effect in part], dtype=float)
            effects[name] = effects.get(name, 0) + by_scene(columns, scenes, num)
        if segmenter is not None:
            seen += observe(trials, renderer, segmenter)
    found = {
        f"{name}_locality": Number.of(sums, lambda s: (s[0] / s[1]) / (s[2] / s[3]), seed)
        for name, sums in effects.items()
        if name in ("move", "remove")
    }
    ratios = score_ratios(seen) if seen else {}
    scenes = [one.sample % num for one in seen]
    for name in ("comove", "strict", "coverage"):
        if name in ratios:
            parts = np.stack([ratios[name].numerator, ratios[name].denominator], axis=1)
            found[name] = Number.of(by_scene(parts, scenes, num), lambda s: s[0] / s[1], seed)
    return {name: number for name, number in found.items() if number is not None}


def by_scene(
    columns: Float[np.ndarray, "t c"], scenes: Sequence[int], num: int
) -> Float[np.ndarray, "n c"]:
    """Return the sums of columns over the edits of each scene."""
    sums = np.zeros((num, columns.shape[1]))
    np.add.at(sums, list(scenes), columns)
    return sums
