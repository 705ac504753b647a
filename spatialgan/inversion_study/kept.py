"""Inversions of many photos, each kept in a file of its own, so that an hour of them survives an interruption.

Files are named by all that an inversion depends on, the code included; another number of photos uses them again.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from jaxtyping import UInt8
from torch import Tensor
from tqdm import tqdm

from spatialgan.digest import code_digest
from spatialgan.inversion.encoder import Encoder, encoder_guesses
from spatialgan.inversion.invert import Inversion
from spatialgan.inversion.inverted import closeness, inversion_record, inverted_scene
from spatialgan.inversion.perceptual import Perceptual, open_perceptual
from spatialgan.inversion.tuning import Tuning, TuningSettings, save_tuned
from spatialgan.inversion_study.methods import Method
from spatialgan.models.opened import OpenedModel, open_model
from spatialgan.records import read_sealed, write_record
from spatialgan.scenes.complete import complete_scene
from spatialgan.scenes.document import read_document
from spatialgan.scenes.render import render_scene
from spatialgan.scenes.scene import SceneData
from spatialgan.scenes.scene_file import scene_text

CODE = ("spatialgan.inversion.inverted", "spatialgan.inversion.tuning")


@dataclass(frozen=True)
class Inverted:
    """What became of a photo."""

    scene: SceneData
    model: OpenedModel  # that the scene is of: a tuned one, or the one that was asked
    record: dict  # numbers


@dataclass(frozen=True)
class Inverter:
    """A model, its encoder if it has one, another network that judges, and where inversions are kept."""

    model: OpenedModel
    encoder: Encoder | None
    judge: Perceptual
    folder: Path

    def all(self, photos: UInt8[Tensor, "n 3 r r"], method: Method) -> list[Inverted]:
        """Return the inversions of photos by a method; those in the folder aren't made again."""
        bar = tqdm(photos, desc=f"inverting, {method.title}", unit="photo", disable=None)
        return [self.one(photo, method) for photo in bar]

    def one(self, photo: UInt8[Tensor, "3 r r"], method: Method) -> Inverted:
        """Return the inversion of a photo by a method, made or kept."""
        stem = self.folder / self.key(photo, method)
        path, tuned = stem.with_suffix(".json"), stem.with_suffix(".safetensors")
        if not path.is_file():
            if method.tuning_steps:  # of what the search has found, which is often there already
                pivot = self.one(photo, replace(method, tuning_steps=0))
                scene, record = pivot.scene, {**pivot.record}
                record |= self._tune(photo, scene, method, tuned)
            else:
                scene, record = self._invert(photo, method)
            write_record(path, {"scene": json.loads(scene_text(scene)), "record": record})
        found = read_sealed(path)
        model = open_model(str(tuned)) if method.tuning_steps else self.model
        return Inverted(
            complete_scene(read_document(found["scene"]), self.model), model, found["record"]
        )

    def key(self, photo: UInt8[Tensor, "3 r r"], method: Method) -> str:
        """Return the name of a file: a hash of all that an inversion depends on."""
        encoder = self.encoder.sha256 if self.encoder and method.with_encoder else ""
        made = {**asdict(method), "title": "", "encoder": encoder, "judge": self.judge.sha256}
        made |= {"model": self.model.sha256, "code": [code_digest(entry) for entry in CODE]}
        photo_sha256 = hashlib.sha256(photo.contiguous().numpy().tobytes()).hexdigest()
        text = json.dumps([made, photo_sha256], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    def _invert(
        self, photo: UInt8[Tensor, "3 r r"], method: Method
    ) -> tuple[SceneData, dict[str, object]]:
        # CPU seconds of one thread: the same beside other work, up to cache effects
        began, sees = time.process_time(), open_perceptual(method.settings.perceptual)
        guesses = encoder_guesses(self.encoder if method.with_encoder else None, self.model, photo)
        inversion = Inversion(self.model.snapshot, photo, sees, method.settings, guesses)
        *_, state = inversion.states()
        scene = inverted_scene(self.model, state.best)
        image = render_scene(scene, self.model.snapshot)
        record = inversion_record(inversion, state, image, photo, sees)
        seconds = round(time.process_time() - began, 2)
        return scene, {**record, "seconds": seconds, "judged": self._judged(image, photo)}

    def _tune(
        self, photo: UInt8[Tensor, "3 r r"], scene: SceneData, method: Method, path: Path
    ) -> dict[str, object]:
        """Write the tuned model; return what it changes in the record of the inversion."""
        began, sees = time.process_time(), open_perceptual(method.settings.perceptual)
        settings = TuningSettings(steps=method.tuning_steps)
        tuning = Tuning(self.model, scene, photo, sees, settings)
        for _ in tuning.states():
            pass
        image = render_scene(scene, save_tuned(path, tuning, settings.steps).snapshot)
        more = {"tuning_seconds": round(time.process_time() - began, 2)}
        return {**more, **closeness(image, photo, sees), "judged": self._judged(image, photo)}

    def _judged(self, image: UInt8[Tensor, "3 r r"], photo: UInt8[Tensor, "3 r r"]) -> float:
        return closeness(image, photo, self.judge)["perceptual"]


def seconds_of(found: Sequence[Inverted]) -> list[float]:
    """Return the CPU seconds that each took, tuning included."""
    return [one.record["seconds"] + one.record.get("tuning_seconds", 0.0) for one in found]
