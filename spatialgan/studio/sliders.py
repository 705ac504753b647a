"""Sliders for a region: directions of a scene's styles that change the region most and the rest of the image least.

The page adds them to the scene's changes by itself, so moving a slider is an ordinary render, and the scene that is
saved needs nothing but its model.
"""

import json
from typing import Any

from jaxtyping import Bool, UInt8
from torch import Tensor

from spatialgan.directions.find import Question, find_directions
from spatialgan.directions.regions import View, parse_region, region_mask
from spatialgan.models.opened import OpenedModel
from spatialgan.scenes import checks
from spatialgan.scenes.along import Directions, moved_along
from spatialgan.scenes.changes import LIMIT, Changes, encode_changes
from spatialgan.scenes.render import render_scene
from spatialgan.scenes.scene import SceneData
from spatialgan.studio.answers import Models, fields_of, open_document
from spatialgan.variants import check_choice

COUNT = 5  # sliders
KINDS = ("box", "object")  # of regions: those that read no file
END = 40.0  # of 255: root mean square change in the region at a slider's end, were the image linear
PROBE = 0.25  # alpha at which the change is measured
QUICK = (
    "resefa",
    "stylespace",
)  # methods that take seconds; the studio computes one thing at a time


def sliders(data: Any, models: Models) -> bytes:
    """Return sliders for a region, best first: {"scene": ..., "region": "box:0,0,1,1", "method": "resefa"}.

    The answer is {"field", "sliders": [{"change", "reach"}]}: a slider's change, base64 of little-endian float32, is what
    alpha = 1 adds to that field of the scene's `changes`; alpha goes from -reach to reach. Raises ValueError if the scene,
    the region or the method is none, or the method finds no direction.
    """
    fields = fields_of(data, ("scene", "region", "method"))
    region = checks.text("region", fields["region"])
    check_choice(KINDS, "region", region.partition(":")[0])
    method = checks.text("method", fields["method"])
    check_choice(QUICK, "method", method)
    scene, model = open_document(fields["scene"], models)
    image = render_scene(scene, model.snapshot)
    mask = region_mask(parse_region(region), View(scene, image, _no_instances))
    found = find_directions(scene, model.snapshot, Question(region, mask, method), COUNT)
    listed = [
        {
            "change": encode_changes(Changes(**{found.field: change[None]}))[found.field],
            "reach": _reach(scene, model, image, found, index),
        }
        for index, change in enumerate(found.changes)
    ]
    return json.dumps({"field": found.field, "sliders": listed}).encode()


def _no_instances(image: UInt8[Tensor, "3 r r"]) -> Any:
    raise ValueError("the studio has no segmenter")


def _reach(
    scene: SceneData,
    model: OpenedModel,
    image: UInt8[Tensor, "3 r r"],
    found: Directions,
    index: int,
) -> float:
    """Return the alpha at a slider's end."""
    probed = render_scene(moved_along(scene, found, index, PROBE), model.snapshot)
    change = _rms(probed, image, found.mask) / PROBE
    largest = LIMIT / 2 / float(found.changes[index].abs().max().clamp(min=1e-12))
    return min(END / max(change, 1e-6), largest)


def _rms(a: UInt8[Tensor, "3 r r"], b: UInt8[Tensor, "3 r r"], mask: Bool[Tensor, "r r"]) -> float:
    """Return the root mean square difference of two images in a region, in gray levels of 0 to 255."""
    return float((a.float() - b.float())[:, mask].square().mean().sqrt())
