"""Images as one discriminator sees them: its maps by every reading, and the numbers of them.

Shapes: n samples, r pixels of an image, h x w pixels of a feature map.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from spatialgan.analyses import maps, tiles
from spatialgan.analyses.requests import Scenes
from spatialgan.networks.discriminator import Discriminator

PAPER = "after_sum, score"  # the paper's reading of the gradients
GROUND = (4, 8, 16)  # resolutions that L_align uses
SIGNED = ("per_channel", "after_sum", "centered")  # kinds of readings that exist for either sign

PerSample = Float[np.ndarray, " n"]  # NaN where a map is the same everywhere


@dataclass(frozen=True)
class View:
    """Images as one discriminator sees them."""

    scenes: Scenes
    maps: dict[
        str, dict[int, Float[Tensor, "n h w"]]
    ]  # by reading and resolution, which is h and w

    @staticmethod
    def of(d: Discriminator, scenes: Scenes) -> "View":
        """Return the images as `d` sees them, at all resolutions of its features."""
        logits, features = d(scenes.images.clone().requires_grad_())
        sizes = sorted(features, reverse=True)
        found = {}
        for name, reading in maps.readings().items():
            raw = reading(logits, [features[r] for r in sizes])
            found[name] = {r: each.detach() for r, each in zip(sizes, raw, strict=True)}
        return View(scenes, found)

    @property
    def resolutions(self) -> list[int]:
        """Return those of the maps, the finest first."""
        return list(self.maps[PAPER])

    def enlarged(self, reading: str, r: int) -> Float[Tensor, "n r r"]:
        """Return the maps of a reading and resolution at the images' resolution."""
        return tiles.enlarged_map(self.maps[reading][r], self.scenes.images.shape[-1])

    def on_object(self, reading: str, resolutions: Sequence[int] = GROUND) -> PerSample:
        """Return the IoU with the own mask beyond that with others, as a mean over resolutions."""
        masks = self.scenes.masks
        found = [maps.lead(maps.iou_of_top, self.enlarged(reading, r), masks) for r in resolutions]
        return maps.mean_known(found)

    def on_edges(self, r: int) -> PerSample:
        """Return the correlation with the own edges beyond that with those of other images."""
        return maps.lead(maps.correlation, self.enlarged(PAPER, r), maps.edges(self.scenes.images))

    def peaks(self, reading: str, r: int) -> PerSample:
        """Return how many local peaks each map has."""
        return maps.peaks(self.maps[reading][r])

    def entropy(self, reading: str, resolutions: Sequence[int] = GROUND) -> PerSample:
        """Return the entropy of maps over the most that it can be, as a mean over resolutions."""
        return maps.mean_known([maps.entropy(self.maps[reading][r]) for r in resolutions])

    def empty(self, r: int) -> PerSample:
        """Return 1 where a map is the same everywhere, else 0."""
        return maps.is_empty(self.maps[PAPER][r]).astype(float)

    def either_sign(self, kind: str) -> PerSample:
        """Return the correlation of a reading's maps for either sign, as a mean over resolutions."""
        found = []
        for r in GROUND:
            score, loss = (self.maps[f"{kind}, {sign}"][r] for sign in ("score", "loss"))
            known = ~(maps.is_empty(score) | maps.is_empty(loss))
            found.append(np.where(known, maps.correlation(score, loss), np.nan))
        return maps.mean_known(found)

    def shallow_edges(self) -> PerSample:
        """Return by how much more the finest maps are on edges than those of 4x4 pixels."""
        return self.on_edges(self.resolutions[0]) - self.on_edges(GROUND[0])

    def fewer_peaks(self) -> PerSample:
        """Return how many peaks fewer the coarsest maps have than those of 16x16 pixels."""
        return self.peaks(PAPER, GROUND[-1]) - self.peaks(PAPER, GROUND[0])

    def one_peak(self) -> PerSample:
        """Return 1 where the coarsest map has one peak, else 0."""
        found = self.peaks(PAPER, GROUND[0])
        return np.where(np.isfinite(found), found == 1, np.nan)
