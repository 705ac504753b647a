"""The edit for models of LinkGAN: axes of W that are tied to a region, drawn again.

Shapes: l layers (ws), *m codes if there are several, w style space.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from spatialgan.losses.linkage import Unlinked, linked_axes
from spatialgan.models.opened import open_model
from spatialgan.scenes import checks
from spatialgan.scenes.addresses import match_text
from spatialgan.scenes.changes import Changes
from spatialgan.scenes.render import scene_inputs
from spatialgan.scenes.scene import MAX_SEED, SceneData, StyleSeed


@dataclass(frozen=True)
class Resample:
    """Draw the axes of link LINK (from 0) of a LinkGAN model again, from SEED or the next seed."""

    SYNTAX: ClassVar[str] = "LINK[:SEED]"
    link: int
    seed: int | None = None  # None: the seed after that of the first style

    @classmethod
    def parse(cls, text: str) -> "Resample":
        """Return the edit that a text describes."""
        found = match_text(r"(\d{1,6})(?::(\d{1,19}))?", text, cls.SYNTAX)
        return cls(int(found[1]), int(found[2]) if found[2] else None)

    def __call__(self, scene: SceneData) -> SceneData:
        """Return the scene with the linked axes of what its styles draw from the seed; its file holds the difference.

        Raises ValueError if the scene's model has no such link.
        """
        model = open_model(scene.model)
        if scene.model_sha256 != model.sha256:
            raise ValueError(f"{scene.model} is no longer the model that the scene was made with")
        snapshot = model.snapshot
        linkage, w_dim = snapshot.config.linkage, snapshot.config.generator.w_dim
        link = checks.whole_number("the link", self.link)
        if isinstance(linkage, Unlinked):
            raise ValueError(
                "this model has no links: use one of a row with `linkage`, such as link_left"
            )
        if not 0 <= link < len(linkage.regions):
            raise ValueError(f"this model has links 0 to {len(linkage.regions) - 1}, not {link}")
        seed = (scene.styles[0].seed + 1) % MAX_SEED
        if self.seed is not None:
            seed = checks.whole_number("seed", self.seed)
        styles = tuple(StyleSeed(seed, style.code) for style in scene.styles)
        other = scene_inputs(replace(scene, styles=styles, changes=Changes()), snapshot).ws
        present = scene_inputs(scene, snapshot).ws
        axes = linked_axes(linkage, w_dim, link)
        change = torch.zeros_like(present)
        change[..., axes] = (other - present)[..., axes]
        return replace(scene, changes=scene.changes.plus(Changes(latent=change)))
