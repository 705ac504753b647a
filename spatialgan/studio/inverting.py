"""Photos: from pixels that the page sends to a job that finds their scene.

The page has decoded the photo and brought it to the model's resolution, so no file format is read here. The progress of
a step is {"step", "psnr" (in dB, of the best scene so far)}.
"""

import base64
import binascii
from functools import partial
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from spatialgan.inversion.invert import Inversion, InversionSettings, InversionState
from spatialgan.inversion.inverted import inverted_scene, psnr
from spatialgan.inversion.perceptual import PERCEPTUAL_NAME, open_perceptual
from spatialgan.models.opened import OpenedModel
from spatialgan.scenes import checks
from spatialgan.studio.answers import Models
from spatialgan.studio.streams import Job
from spatialgan.variants import choose

MAX_STEPS = 2000
FIELDS = {"model", "photo", "max_steps"}


def photo_bytes(models: Models) -> int:
    """Return the length of the largest photo that a model takes, in base64."""
    sides = [model.snapshot.config.generator.resolution for model in models.values()]
    return max((4 * side * side for side in sides), default=0)


def inversion_job(data: Any, models: Models) -> Job[InversionState]:
    """Return the inversion that a request describes; raises ValueError, naming the place."""
    if not isinstance(data, dict) or set(data) != FIELDS:
        raise ValueError(f"a photo must come as a JSON object with {', '.join(sorted(FIELDS))}")
    model = choose(models, "model", checks.text("model", data["model"]))
    steps = checks.whole_number("max_steps", data["max_steps"])
    checks.check_range("max_steps", steps, 1, MAX_STEPS)
    photo = _pixels(data["photo"], model.snapshot.config.generator.resolution)
    settings = InversionSettings(steps=steps)
    judge = open_perceptual(PERCEPTUAL_NAME)
    inversion = Inversion(model.snapshot, photo, judge, settings)
    return Job(model, inversion.states(), _progress, partial(_scene, model))


def _pixels(photo: Any, resolution: int) -> UInt8[Tensor, "3 r r"]:
    """Return an image from base64 of its rows of RGB bytes."""
    try:
        rows = base64.b64decode(checks.text("photo", photo), validate=True)
    except binascii.Error:
        raise ValueError("photo is not text in base64") from None
    if len(rows) != 3 * resolution * resolution:
        raise ValueError(
            f"photo has {len(rows):,} bytes: {resolution} rows of {resolution} RGB pixels are"
            f" {3 * resolution * resolution:,}"
        )
    pixels = torch.frombuffer(bytearray(rows), dtype=torch.uint8)
    return pixels.view(resolution, resolution, 3).permute(2, 0, 1).contiguous()


def _progress(state: InversionState) -> dict:
    """Return the progress of an inversion, as JSON data."""
    return {"step": state.step, "psnr": round(psnr(state.best.mse), 2)}


def _scene(model: OpenedModel, state: InversionState) -> Any:
    return inverted_scene(model, state.best)
