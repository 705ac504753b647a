"""From text to a checked document: the first step toward an image, without a model.

Only "format", "model" and "seed" must be there. What else is left out is drawn by the model, or has its
default. Nothing is guessed: an unknown field, a duplicate key, NaN or a number out of range is one line that
names the place. docs/scenes.md describes the format.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spatialgan.documents import parse_json
from spatialgan.scenes import checks
from spatialgan.scenes.changes import CHANGE_FIELDS, decode_numbers
from spatialgan.scenes.scene import (
    MAX_SEED,
    NOISE_MODE,
    TRUNCATION_PSI,
    StyleSeed,
    check_gaussian,
    check_settings,
)
from spatialgan.variants import unknown_name

FORMAT = "spatialgan scene 1"
REQUIRED = ("format", "model", "seed")
OPTIONAL = ("model_sha256", "truncation_psi", "noise_mode", "layout", "styles", "changes")
GAUSSIAN_FIELDS = ("center", "sigma", "presence")


@dataclass(frozen=True)
class Gaussian:
    """One sub-heatmap as numbers."""

    center: tuple[float, float]  # (y, x) in [-1, 1]; may lie outside the image
    sigma: float  # standard deviation, in the units of the center
    presence: float = 1.0  # height of the heatmap; 0 removes it


@dataclass(frozen=True)
class SceneDocument:
    """What a scene's JSON says, checked as far as that needs no model. None: drawn from the seed.

    Raises ValueError for settings that no scene can have.
    """

    model: str  # name of a shipped model, or the path of a snapshot
    seed: int
    truncation_psi: float = TRUNCATION_PSI
    noise_mode: str = NOISE_MODE
    model_sha256: str = ""  # of the snapshot's file; "" where the document doesn't say
    layout: tuple[tuple[Gaussian, ...], ...] | None = None  # per level, per sub-heatmap
    background: int | None = None  # seed of the background's style, or of the whole image's
    objects: tuple[StyleSeed, ...] | None = None  # style per object
    changes: Mapping[str, np.ndarray] = field(default_factory=dict)  # float32, as flat arrays

    def __post_init__(self) -> None:
        check_settings(self.seed, self.truncation_psi, self.noise_mode)


def parse_document(text: str) -> SceneDocument:
    """Return the document in a text of JSON.

    Raises ValueError, in one line that names the place, for any fault that doesn't depend on the model:
    syntax, duplicate keys, NaN and Infinity, fields that are missing or unknown, kinds and ranges of values.
    """
    return read_document(parse_json(text, finite=False))


def read_document(document: Any) -> SceneDocument:
    """Return the document in parsed JSON data; raises ValueError as `parse_document` does."""
    _check_fields("the scene", document, REQUIRED, OPTIONAL)
    if document["format"] != FORMAT:
        raise ValueError(f"format is {checks.shown(document['format'])}, but must be '{FORMAT}'")
    found: dict[str, Any] = {
        "model": checks.text("model", document["model"]),
        "seed": _seed("seed", document["seed"]),
    }
    for name in ("model_sha256", "noise_mode"):
        if name in document:
            found[name] = checks.text(name, document[name])
    if "truncation_psi" in document:
        found["truncation_psi"] = checks.number("truncation_psi", document["truncation_psi"])
    if "layout" in document:
        found["layout"] = _layout(document["layout"])
    styles = document.get("styles", {})
    _check_fields("styles", styles, (), ("background", "objects"))
    if "background" in styles:
        found["background"] = _seed("styles, background", styles["background"])
    if "objects" in styles:
        objects = _list("styles, objects", styles["objects"])
        found["objects"] = tuple(_style(number, style) for number, style in enumerate(objects))
    changes = document.get("changes", {})
    _check_fields("changes", changes, (), CHANGE_FIELDS)
    found["changes"] = {name: decode_numbers(name, text) for name, text in changes.items()}
    return SceneDocument(**found)


def _layout(levels: Any) -> tuple[tuple[Gaussian, ...], ...]:
    parsed = []
    for number, level in enumerate(_list("layout", levels)):
        place = f"layout, level {number}"
        entries = enumerate(_list(place, level))
        parsed.append(tuple(_gaussian(f"{place}, sub-heatmap {i}", entry) for i, entry in entries))
    return tuple(parsed)


def _gaussian(place: str, entry: Any) -> Gaussian:
    _check_fields(place, entry, GAUSSIAN_FIELDS[:2], GAUSSIAN_FIELDS[2:])
    center = _list(f"{place}: center", entry["center"])
    if len(center) != 2:
        raise ValueError(
            f"{place}: center has {len(center):,} entries, but must have 2 coordinates, y and x"
        )
    y, x = (checks.number(f"{place}: center", coordinate) for coordinate in center)
    sigma = checks.number(f"{place}: sigma", entry["sigma"])
    presence = checks.number(f"{place}: presence", entry.get("presence", 1.0))
    check_gaussian(place, (y, x), sigma, presence)
    return Gaussian((y, x), sigma, presence)


def _style(number: int, style: Any) -> StyleSeed:
    """Return the style of object `number`: a seed, or what another object draws from a seed."""
    place = f"styles, object {number}"
    if not isinstance(style, dict):
        return StyleSeed(_seed(place, style), number + 1)
    _check_fields(place, style, ("seed", "object"), ())
    source = checks.whole_number(f"{place}: object", style["object"])
    return StyleSeed(_seed(f"{place}: seed", style["seed"]), source + 1)


def _seed(place: str, value: Any) -> int:
    seed = checks.whole_number(place, value)
    checks.check_range(place, seed, 0, MAX_SEED)
    return seed


def _list(place: str, value: Any) -> list:
    if not isinstance(value, list):
        raise ValueError(f"{place} is {checks.shown(value)}, but must be a list")
    return value


def _check_fields(
    place: str, value: Any, required: tuple[str, ...], optional: tuple[str, ...]
) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{place} is {checks.shown(value)}, but must be a JSON object")
    known = [*required, *optional]
    for name in value:
        if name not in known:
            raise ValueError(f"{place}: {unknown_name(known, 'field', name)}")
    for name in required:
        if name not in value:
            raise ValueError(f"{place} has no field '{name}'")
