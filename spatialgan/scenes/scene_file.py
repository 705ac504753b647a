"""Scenes as JSON files: written so that people can read and change them, read without trusting them.

Only "format", "model" and "seed" must be there; what else is missing is drawn from the seed or has its
default. A scene is never guessed at: an unknown field, a duplicate key, NaN, a wrong count or a number out of
range is one line that names the place. docs/scenes.md describes the format.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spatialgan.config import RunConfig
from spatialgan.files import file_sha256, write_atomically
from spatialgan.heatmaps.layout import Gaussians, Layout
from spatialgan.models import model_path
from spatialgan.scenes import scene as scenes
from spatialgan.scenes.changes import (
    CHANGE_FIELDS,
    Changes,
    changes_from_document,
    changes_to_document,
)
from spatialgan.scenes.scene import Scene, Style, check_number, scene_of_seed
from spatialgan.snapshot import Snapshot, load_snapshot

FORMAT = "spatialgan scene 1"
MAX_BYTES = 1_000_000
MAX_DIGITS = 30  # of a whole number
REQUIRED = ("format", "model", "seed")
OPTIONAL = ("model_sha256", "truncation_psi", "noise_mode", "layout", "styles", "changes")
GAUSSIAN_FIELDS = ("center", "sigma", "presence")


def draw_scene(
    model: str, seed: int, truncation_psi: float, noise_mode: str
) -> tuple[Scene, Snapshot]:
    """Return the scene that a model, by name or path, draws from a seed, and the model."""
    path = model_path(model)
    snapshot = load_snapshot(path)
    sha256 = file_sha256(path)
    return (
        scene_of_seed(model, sha256, snapshot.config, seed, truncation_psi, noise_mode),
        snapshot,
    )


def load_scene(path: Path) -> tuple[Scene, Snapshot]:
    """Return the scene in a file, and its model.

    Raises ValueError, in one line that names the file and the place, for everything that isn't a scene.
    """
    try:
        document = parse_document(_read(path))
        model = _model_of(document)
        snapshot = load_snapshot(model)
        return scene_from_document(document, snapshot.config, file_sha256(model)), snapshot
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
        raise ValueError("is no text in UTF-8") from None


def parse_document(text: str) -> dict:
    """Return the JSON object in a text, its fields known and the required ones there.

    Raises ValueError for anything else, also for duplicate keys and for NaN and Infinity.
    """
    try:
        document = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse, parse_int=_parse_int
        )
    except json.JSONDecodeError as error:
        raise ValueError(
            f"is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise ValueError("is not a scene: it nests too deep") from None
    _check_fields("the scene", document, REQUIRED, OPTIONAL)
    if document["format"] != FORMAT:
        raise ValueError(f"format is {_shown(document['format'])}, but must be '{FORMAT}'")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key '{key[:40]}' is there twice")
        found[key] = value
    return found


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number that a scene can have")


def _parse_int(digits: str) -> int:
    return int(digits) if len(digits) <= MAX_DIGITS else _refuse(f"{digits[:MAX_DIGITS]}...")


def _model_of(document: dict) -> Path:
    return model_path(_text("model", document["model"]))


def scene_from_document(document: dict, config: RunConfig, model_sha256: str) -> Scene:
    """Return the scene of a parsed document for a model whose file has this sha256.

    Raises ValueError where the document doesn't fit the model, or was made with another file of that name.
    """
    recorded = document.get("model_sha256", model_sha256)
    if recorded != model_sha256:
        raise ValueError(
            f"was made with another '{document['model']}' (sha256 {str(recorded)[:12]}..., not "
            f"{model_sha256[:12]}...): remove model_sha256 to render it with this one"
        )
    drawn = scene_of_seed(
        document["model"],
        model_sha256,
        config,
        _integer("seed", document["seed"]),
        _number("truncation_psi", document.get("truncation_psi", scenes.TRUNCATION_PSI)),
        _text("noise_mode", document.get("noise_mode", scenes.NOISE_MODE)),
    )
    return Scene(
        drawn.model,
        drawn.model_sha256,
        drawn.seed,
        drawn.truncation_psi,
        drawn.noise_mode,
        _layout(document["layout"], drawn.layout) if "layout" in document else drawn.layout,
        _styles(document["styles"], drawn.styles) if "styles" in document else drawn.styles,
        _changes(document.get("changes", {}), config),
    )


def _layout(levels: Any, drawn: Layout) -> Layout:
    """Return a document's layout, which has the levels and counts that the model draws."""
    _check_list("layout", levels, len(drawn.levels), "levels")
    parsed = []
    for number, (level, like) in enumerate(zip(levels, drawn.levels, strict=True)):
        place = f"layout, level {number}"
        _check_list(place, level, like.centers.shape[1], "sub-heatmaps")
        parsed.append(_gaussians(place, level))
    return Layout(tuple(parsed), 1)


def _gaussians(place: str, level: list) -> Gaussians:
    centers, sigmas, presence = [], [], []
    for i, item in enumerate(level):
        here = f"{place}, sub-heatmap {i}"
        _check_fields(here, item, GAUSSIAN_FIELDS[:2], GAUSSIAN_FIELDS[2:])
        _check_list(f"{here}: center", item["center"], 2, "coordinates, y and x")
        centers.append([_number(f"{here}: center", c) for c in item["center"]])
        sigmas.append(_number(f"{here}: sigma", item["sigma"]))
        presence.append(_number(f"{here}: presence", item.get("presence", 1.0)))
    numbers = (torch.tensor(x, dtype=torch.float32)[None] for x in (centers, sigmas, presence))
    return Gaussians(*numbers)


def _styles(styles: Any, drawn: tuple[Style, ...]) -> tuple[Style, ...]:
    """Return a document's styles; those it doesn't give are as drawn."""
    _check_fields("styles", styles, (), ("background", "objects"))
    background = _integer("styles, background", styles.get("background", drawn[0].seed))
    parsed = [Style(background, 0), *drawn[1:]]
    if "objects" in styles:
        _check_list("styles, objects", styles["objects"], len(drawn) - 1, "objects' styles")
        for code, style in enumerate(styles["objects"], start=1):
            parsed[code] = _style(f"styles, object {code - 1}", style, code, len(drawn))
    return tuple(parsed)


def _style(place: str, style: Any, code: int, num_codes: int) -> Style:
    if not isinstance(style, dict):
        return Style(_integer(place, style), code)
    _check_fields(place, style, ("seed", "object"), ())
    source = _integer(f"{place}: object", style["object"])
    check_number(f"{place}: object", source, 0, num_codes - 2)
    return Style(_integer(f"{place}: seed", style["seed"]), source + 1)


def _changes(changes: Any, config: RunConfig) -> Changes:
    _check_fields("changes", changes, (), CHANGE_FIELDS)
    return changes_from_document(changes, config.generator)


def _check_fields(place: str, value: Any, required: tuple, optional: tuple) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{place} is {_shown(value)}, but must be a JSON object")
    known = [*required, *optional]
    for name in value:
        if name not in known:
            raise ValueError(
                f"{place} has an unknown field '{name[:40]}': choose from {', '.join(known)}"
            )
    for name in required:
        if name not in value:
            raise ValueError(f"{place} has no field '{name}'")


def _check_list(place: str, value: Any, length: int, what: str) -> None:
    if not isinstance(value, list):
        raise ValueError(f"{place} is {_shown(value)}, but must be a list")
    if len(value) != length:
        raise ValueError(f"{place} has {len(value):,} entries, but this model has {length} {what}")


def _number(place: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{place} is {_shown(value)}, but must be a number")
    return float(value)


def _integer(place: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{place} is {_shown(value)}, but must be a whole number")
    check_number(place, value, 0, scenes.MAX_SEED)
    return value


def _text(place: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{place} is {_shown(value)}, but must be a text")
    return value


def _shown(value: Any) -> str:
    """Return a value as a few characters for a message."""
    text = json.dumps(value) if not isinstance(value, dict | list) else type(value).__name__
    return text if len(text) <= 40 else f"{text[:37]}..."


def scene_text(scene: Scene) -> str:
    """Return the scene as JSON: a line per sub-heatmap, the shortest numbers that say the same floats."""
    facts = {
        "format": FORMAT,
        "model": scene.model,
        "model_sha256": scene.model_sha256,
        "seed": scene.seed,
        "truncation_psi": scene.truncation_psi,
        "noise_mode": scene.noise_mode,
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in facts.items()]
    levels = ["    [\n" + ",\n".join(_rows(level)) + "\n    ]" for level in scene.layout.levels]
    lines.append('  "layout": [' + ("\n" + ",\n".join(levels) + "\n  " if levels else "") + "],")
    objects = [
        style.seed if style.code == code else {"seed": style.seed, "object": style.code - 1}
        for code, style in enumerate(scene.styles[1:], start=1)
    ]
    styles = {"background": scene.styles[0].seed} | ({"objects": objects} if objects else {})
    last = [f'  "styles": {json.dumps(styles)}']
    changes = changes_to_document(scene.changes)
    if changes:
        last.append(f'  "changes": {json.dumps(changes)}')
    return "{\n" + "\n".join(lines) + "\n" + ",\n".join(last) + "\n}\n"


def _rows(level: Gaussians) -> list[str]:
    columns = zip(level.centers[0], level.sigmas[0], level.presence[0], strict=True)
    return [
        f'      {{"center": [{_short(y)}, {_short(x)}], "sigma": {_short(s)}, "presence": {_short(p)}}}'
        for (y, x), s, p in columns
    ]


def _short(number: torch.Tensor) -> str:
    """Return the shortest decimal number that is this float32."""
    return np.format_float_positional(np.float32(number.item()), unique=True, trim="-")


def save_scene(path: Path, scene: Scene) -> None:
    """Write a scene's file atomically."""
    write_atomically(path, scene_text(scene).encode())
