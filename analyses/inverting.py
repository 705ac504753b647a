"""Inversions of many photos, each kept in a file of its own, so that hours of them survive an interruption."""

import hashlib
import json
import time
from dataclasses import asdict
from pathlib import Path

from jaxtyping import UInt8
from torch import Tensor
from tqdm import tqdm

from spatialgan.inversion.encoder import Encoder, encoder_guesses, load_encoder
from spatialgan.inversion.invert import Inversion, InversionSettings
from spatialgan.inversion.inverted import inversion_record, inverted_scene
from spatialgan.inversion.perceptual import open_perceptual
from spatialgan.models.opened import OpenedModel
from spatialgan.records import read_sealed, write_record
from spatialgan.scenes.complete import complete_scene
from spatialgan.scenes.document import read_document
from spatialgan.scenes.render import SynthesisInputs, render_scene, scene_inputs
from spatialgan.scenes.scene import SceneData
from spatialgan.scenes.scene_file import scene_text


def invert_all(
    model: OpenedModel,
    targets: UInt8[Tensor, "n 3 r r"],
    settings: InversionSettings,
    encoder: Path | None,
    folder: Path,
) -> tuple[list[SynthesisInputs], list[dict]]:
    """Return the best scene of each photo and the record of its inversion; those in `folder` aren't made again.

    Files there are named by all that an inversion depends on but the code.
    """
    opened, found, records = load_encoder(encoder, model) if encoder else None, [], []
    for photo in tqdm(targets, desc="inverting", unit="photo", disable=None):
        path = folder / f"{_key(model, photo, settings, opened)}.json"
        if not path.is_file():
            scene, record = _invert(model, photo, settings, opened)
            write_record(path, {"scene": json.loads(scene_text(scene)), "record": record})
        kept = read_sealed(path)
        scene = complete_scene(read_document(kept["scene"]), model)
        found.append(scene_inputs(scene, model.snapshot))
        records.append(kept["record"])
    return found, records


def _key(
    model: OpenedModel,
    photo: UInt8[Tensor, "3 r r"],
    settings: InversionSettings,
    encoder: Encoder | None,
) -> str:
    parts = [model.sha256, encoder.sha256 if encoder else "", json.dumps(asdict(settings))]
    photo_sha256 = hashlib.sha256(photo.contiguous().numpy().tobytes()).hexdigest()
    return hashlib.sha256("\n".join([*parts, photo_sha256]).encode()).hexdigest()[:20]


def _invert(
    model: OpenedModel,
    photo: UInt8[Tensor, "3 r r"],
    settings: InversionSettings,
    encoder: Encoder | None,
) -> tuple[SceneData, dict]:
    began, judge = time.process_time(), open_perceptual(settings.perceptual)
    guesses = encoder_guesses(encoder, model, photo)
    inversion = Inversion(model.snapshot, photo, judge, settings, guesses)
    *_, state = inversion.states()
    scene = inverted_scene(model, state.best)
    image = render_scene(scene, model.snapshot)
    record = inversion_record(inversion, state, image, photo, judge)
    # of one thread: the same beside other work, but for what caches decide
    return scene, {**record, "seconds": round(time.process_time() - began, 2)}
