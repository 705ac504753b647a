"""What is noted of one edit at each level of change inside its region, and the distance of many edits to their images.

Shapes: n images, r resolution, f features.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from spatialgan.directions.spaces import Change
from spatialgan.evaluation.rivals import Case
from spatialgan.evaluation.ways import Reached, Way, along, images_of, reach, towards
from spatialgan.extractors.network import SceneExtractor, load_extractor
from spatialgan.extractors.registry import open_extractor
from spatialgan.networks.generator import SynthesisInputs
from spatialgan.snapshot import to_uint8

LEVELS = (0.1, 0.3)  # changes inside a region
# Of a line, what each image has its own number of
NUMBERS = (
    "edit_ratio",
    "edit_reached",
    "edit_inside",
    "edit_outside",
    "edit_identity",
    "edit_seconds",
    "edit_apply",
)
LEAST = 1e-4  # of a change outside that is divided by
RATIO_CAP = 1000.0  # from here on a ratio says no more than "nothing outside"


@dataclass(frozen=True)
class Eye:
    """Who looks at edited images: the scene extractor, whatever the profile's."""

    extractor: SceneExtractor
    sha256: str

    @classmethod
    def opened(cls, device: str) -> "Eye":
        """Return the extractor that ships; raises ValueError if torch-fidelity, for the FID, is missing."""
        opened = open_extractor("scene")
        return cls(load_extractor(opened.weights)[0].to(device), opened.sha256)

    @torch.no_grad()
    def features(self, images: Float[Tensor, "n 3 r r"]) -> Float[Tensor, "n f"]:
        """Return the features of images in [-1, 1]."""
        return self.extractor(to_uint8(images).to(self.extractor.features.weight.device)).cpu()


def way_of(case: Case, found: SynthesisInputs | Change) -> Way:
    """Return the way along a direction, or to another image."""
    return along(case.inputs, found) if isinstance(found, Change) else towards(case.inputs, found)


def ratio_of(reached: Reached) -> float:
    """Return the mean squared change inside over that outside, RATIO_CAP at most."""
    return min((reached.inside / max(reached.outside, LEAST)) ** 2, RATIO_CAP)


def edit_lines(
    case: Case,
    found: SynthesisInputs | Change,
    levels: Sequence[float],
    looked: tuple[Eye, Float[Tensor, "1 f"]],
) -> list[tuple[dict, Float[Tensor, "1 f"] | None]]:
    """Return a line per level and the features of the edited image, None if the level isn't reached.

    `looked` is who looks, and what it saw of the image before.
    """
    eye, first = looked
    way = way_of(case, found)
    lines = []
    for level, at in zip(
        levels,
        reach(way, lambda inputs: images_of(case.snapshot, inputs), case.mask, levels),
        strict=True,
    ):
        line = {"region": case.region, "level": level, **dict.fromkeys(NUMBERS)}
        line["edit_reached"] = at is not None
        if at is None:
            lines.append((line, None))
            continue
        began = time.process_time()
        images_of(case.snapshot, way.at([at.amount]))
        line["edit_apply"] = round(time.process_time() - began, 5)
        line["edit_ratio"] = round(ratio_of(at), 3)
        line["edit_inside"], line["edit_outside"] = round(at.inside, 4), round(at.outside, 5)
        seen = eye.features(at.image[None])
        line["edit_identity"] = round(float(F.cosine_similarity(seen, first)), 4)
        lines.append((line, seen))
    return lines


def frechet_distance(after: Float[np.ndarray, "n f"], before: Float[np.ndarray, "n f"]) -> float:
    """Return FID between two sets of features, as torch-fidelity computes it."""
    from torch_fidelity import metric_fid

    both = [metric_fid.fid_features_to_statistics(torch.from_numpy(one)) for one in (after, before)]
    found = metric_fid.fid_statistics_to_metric(*both, verbose=False)
    return float(found[metric_fid.KEY_METRIC_FID])
