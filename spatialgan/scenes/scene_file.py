"""Scenes as JSON files: written so that people can read and change them, read without trusting them."""

import json
from pathlib import Path

import numpy as np
import torch

from spatialgan.files import write_atomically
from spatialgan.heatmaps.layout import Gaussians
from spatialgan.heatmaps.moves import gaussians
from spatialgan.models.opened import OpenedModel, open_model
from spatialgan.scenes.changes import encode_changes
from spatialgan.scenes.complete import complete_scene
from spatialgan.scenes.document import FORMAT, parse_document
from spatialgan.scenes.scene import SceneData

MAX_BYTES = 1_000_000


def load_scene(path: Path) -> tuple[SceneData, OpenedModel]:
    """Return the scene in a file, complete, and its model.

    Raises ValueError, in one line that names the file and the place, for anything that is not a scene.
    """
    try:
        document = parse_document(_read(path))
        model = open_model(document.model)
        return complete_scene(document, model), model
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _read(path: Path) -> str:
    if not path.is_file():
        raise ValueError("there is no such file")
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES:,} bytes, which no scene is")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("is not text in UTF-8") from None


def scene_text(scene: SceneData) -> str:
    """Return the scene as JSON: a line per sub-heatmap, the shortest decimals that give the same floats."""
    settings = {
        "format": FORMAT,
        "model": scene.model,
        "model_sha256": scene.model_sha256,
        "seed": scene.seed,
        "truncation_psi": scene.truncation_psi,
        "noise_mode": scene.noise_mode,
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in settings.items()]
    levels = [
        "    [\n" + ",\n".join(_lines(gaussians(level))) + "\n    ]"
        for level in scene.layout.levels
    ]
    lines.append('  "layout": [' + ("\n" + ",\n".join(levels) + "\n  " if levels else "") + "],")
    objects = [
        style.seed if style.code == code else {"seed": style.seed, "object": style.code - 1}
        for code, style in enumerate(scene.styles[1:], start=1)
    ]
    styles = {"background": scene.styles[0].seed} | ({"objects": objects} if objects else {})
    last = [f'  "styles": {json.dumps(styles)}']
    changes = encode_changes(scene.changes)
    if changes:
        last.append(f'  "changes": {json.dumps(changes)}')
    return "{\n" + "\n".join(lines) + "\n" + ",\n".join(last) + "\n}\n"


def _lines(level: Gaussians) -> list[str]:
    columns = zip(level.centers[0], level.sigmas[0], level.presence[0], strict=True)
    return [
        f'      {{"center": [{_short(y)}, {_short(x)}], "sigma": {_short(s)}, "presence": {_short(p)}}}'
        for (y, x), s, p in columns
    ]


def _short(number: torch.Tensor) -> str:
    """Return the shortest decimal number that is this float32."""
    text = np.format_float_positional(np.float32(number.item()), unique=True, trim="-")
    return "-0.0" if text == "-0" else text  # which JSON would take for the whole number 0


def save_scene(path: Path, scene: SceneData) -> None:
    """Write a scene's file atomically."""
    write_atomically(path, scene_text(scene).encode())
