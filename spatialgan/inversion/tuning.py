"""Tuning: the generator itself comes closer to a photo, around the scene that an inversion found.

After pivotal tuning [Roich et al., 2022, Eq. 2 to 4]: styles and layout stay, and the weights of the synthesis network
are optimized for this one image. A second term keeps the images of other scenes near what they were, so that edits go
on working: their styles lie on the way from the scene's to a sample's, and their layouts are samples'.

The tuned network is another model, in a file of its own. The mapping network and the mean style are as before, so a
scene's seeds and changes mean the same.

Shapes: l layers, *m codes if there are several, w style space, r resolution.
"""

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from spatialgan.inversion.perceptual import Perceptual, distance
from spatialgan.inversion.starts import draw_starts, fixed_noise, images_of
from spatialgan.models import model_path
from spatialgan.models.opened import OpenedModel, open_model
from spatialgan.networks.style_space import synthesize
from spatialgan.scenes.render import one_thread, scene_inputs
from spatialgan.scenes.scene import SceneData
from spatialgan.snapshot import PREFIX
from spatialgan.tensor_file import read_tensors, save_tensors


@dataclass(frozen=True)
class TuningSettings:
    """How far the generator goes."""

    steps: int = 100
    rate: float = 1e-3  # Adam's, of the weights of the synthesis network
    perceptual_weight: float = 0.1  # beside the mean squared error in [-1, 1]
    keep_weight: float = 1.0  # of other scenes' images, beside the photo's
    nearness: float = 0.5  # of the other scenes' styles to the scene's: 0 is a sample's own
    seed: int = 0  # of the first of the other scenes


@dataclass(frozen=True)
class TuningState:
    """The progress of a tuning."""

    step: int  # updates made
    mse: float  # of the scene's image, mean squared error in [-1, 1]
    kept: float  # the same between another scene's images before and now


class Tuning:
    """A scene, its photo and its model; `states` tunes a copy of the generator."""

    def __init__(
        self,
        model: OpenedModel,
        scene: SceneData,
        photo: UInt8[Tensor, "3 r r"],
        perceptual: Perceptual,
        settings: TuningSettings,
    ) -> None:
        """Copy the generator and compute what it is compared with."""
        self.model, self.scene, self.photo = model, scene, photo
        self.settings, self.perceptual, self.before = settings, perceptual, model.snapshot
        generator = copy.deepcopy(model.snapshot.generator)
        self.after = replace(model.snapshot, generator=generator)
        self.inputs = scene_inputs(scene, model.snapshot)
        self.noise = fixed_noise(model.snapshot)
        self.target = photo[None].float() / 127.5 - 1
        with one_thread(), torch.no_grad():
            self.wanted = perceptual.features(self.target)

    def states(self) -> Iterator[TuningState]:
        """Yield the state before the first step and after each."""
        weights = list(self.after.generator.synthesis.parameters())
        for weight in weights:
            weight.requires_grad_(True)
        adam = torch.optim.Adam(weights, lr=self.settings.rate, betas=(0.9, 0.99))
        for step in range(self.settings.steps + 1):
            with one_thread(), torch.enable_grad():
                loss, mse = self._distance(synthesize(self.after.generator.synthesis, self.inputs))
                kept = self._drift(self.settings.seed + step)
                total = loss + self.settings.keep_weight * kept
                if step < self.settings.steps:
                    adam.zero_grad()
                    total.backward()
            yield TuningState(step, float(mse), float(kept.detach()))
            if step < self.settings.steps:
                with one_thread():
                    adam.step()

    def _distance(
        self, image: Float[Tensor, "1 3 r r"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Return how far an image is from the photo, and its mean squared error alone."""
        mse = (image - self.target).square().mean()
        apart = distance(self.perceptual.features(image), self.wanted)[0]
        return mse + self.settings.perceptual_weight * apart, mse.detach()

    def _drift(self, seed: int) -> Float[Tensor, ""]:
        """Return how far the image of another scene is from what it was."""
        other = draw_starts(self.before, seed, 1)
        ws = torch.lerp(other.ws, self.inputs.ws, self.settings.nearness)
        with torch.no_grad():
            was = images_of(self.before, ws, other.layout, self.noise)
        return (images_of(self.after, ws, other.layout, self.noise) - was).square().mean()


def save_tuned(path: Path, tuning: Tuning, steps: int) -> OpenedModel:
    """Write a model whose generator was tuned for so many steps, with all else that its file says; return it opened.

    Raises ValueError if the file was changed meanwhile.
    """
    source = model_path(tuning.model.name)
    found = read_tensors(source)
    if found.sha256 != tuning.model.sha256:
        raise ValueError(f"{source} was changed while its model was being tuned: tune it again")
    weights = tuning.after.generator.state_dict()
    tensors = {**found.tensors, **{f"{PREFIX}{name}": w for name, w in weights.items()}}
    tuned = {"model_sha256": found.sha256, **asdict(replace(tuning.settings, steps=steps))}
    save_tensors(path, tensors, {**found.header, "tuned": tuned})
    return open_model(str(path))
