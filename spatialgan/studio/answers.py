"""From what the page sends to what it gets back: pure functions of JSON data and open models.

Models are known by the names given on the command line; a path in a scene is just an unknown name.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import torch
from PIL import Image

from spatialgan.dragging import METHOD
from spatialgan.dragging.drag import DRAGS
from spatialgan.dragging.drag_scene import check_method, feature_resolution
from spatialgan.drawing import films
from spatialgan.losses.alignment import normalize_attention
from spatialgan.models.opened import OpenedModel
from spatialgan.scenes import checks
from spatialgan.scenes.complete import complete_scene, scene_from_seed
from spatialgan.scenes.document import read_document
from spatialgan.scenes.edits import apply_edit, parse_words
from spatialgan.scenes.render import render_scene
from spatialgan.scenes.scene import SceneData
from spatialgan.scenes.scene_file import scene_text
from spatialgan.studio.discriminators import looked_at
from spatialgan.variants import check_choice, choose

PLAIN_EDITS = ("move", "place", "resize", "remove", "copy", "restyle")  # those that read no file
MAX_EDITS = 100
MAX_STATIONS = 25  # scenes of a film
FIRST_SEED = 2  # of the scene that a model shows first

Models = Mapping[str, OpenedModel]
Station = tuple[SceneData, OpenedModel]


def describe(models: Models) -> list[dict]:
    """Return what the page needs to know of each model, as JSON data, with a scene to begin with."""
    return [_described(model) for model in models.values()]


def _described(model: OpenedModel) -> dict:
    generator = model.snapshot.config.generator
    levels = [
        {"resolution": 4 * 2**level, "count": count}
        for level, count in enumerate(generator.heatmap_channels)
    ]
    return {
        "name": model.name,
        "sha256": model.sha256,
        "resolution": generator.resolution,
        "objects": generator.num_objects,
        "levels": levels,
        "methods": [{"name": name, "title": DRAGS[name].title} for name in _methods(model)],
        "feature_resolution": feature_resolution(model.snapshot),
        "attention": looked_at(model),
        "scene": scene_text(scene_from_seed(model, FIRST_SEED)),
    }


def _methods(model: OpenedModel) -> list[str]:
    """Return the drags that a model can do, the usual one first."""
    possible = []
    for name in sorted(DRAGS, key=lambda name: name != METHOD):
        needs_heatmaps = name != "latent"
        if needs_heatmaps and not model.snapshot.config.generator.heatmap_channels:
            continue
        try:
            check_method(model.snapshot, DRAGS[name])
        except ValueError:
            continue
        possible.append(name)
    return possible


def open_document(data: Any, models: Models) -> Station:
    """Return the scene in JSON data, complete, and its model; raises ValueError, naming the place."""
    document = read_document(data)
    model = choose(models, "model", document.model)
    return complete_scene(document, model), model


@torch.inference_mode()  # the same bits a tenth faster: nothing is noted for gradients
def rgba(data: Any, models: Models) -> bytes:
    """Return the image of a scene as rows of RGBA bytes."""
    scene, model = open_document(data, models)
    return rgba_bytes(render_scene(scene, model.snapshot))


def rgba_bytes(image: torch.Tensor) -> bytes:
    """Return an image [3 r r] as rows of RGBA bytes, opaque."""
    opaque = torch.full_like(image[:1], 255)
    return torch.cat([image, opaque]).permute(1, 2, 0).contiguous().numpy().tobytes()


def png(data: Any, models: Models) -> bytes:
    """Return the image of a scene as the file that `spatialgan render` writes."""
    scene, model = open_document(data, models)
    image = render_scene(scene, model.snapshot)
    return _png_bytes(Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()))


def attention(data: Any, models: Models) -> bytes:
    """Return where the discriminator looks in the image of a scene: for each of `looked_at`, rows of bytes.

    Each map has the size of the image and goes from 0 to 255. Raises ValueError if the model has no discriminator.
    """
    scene, model = open_document(data, models)
    if model.discriminator is None:
        raise ValueError(
            f"no discriminator is open for {model.name}: name one with --discriminator"
        )
    image = ((render_scene(scene, model.snapshot).float() - 128) / 127.5)[None].requires_grad_()
    logits, features = model.discriminator(image)
    raw = model.snapshot.config.attention(logits, [features[r] for r in looked_at(model)])
    maps = torch.cat([normalize_attention(each.detach(), image.shape[-1]) for each in raw])
    return (maps * 255).round().to(torch.uint8).numpy().tobytes()


def edited(data: Any, models: Models) -> bytes:
    """Return a scene after edits, as its document: {"scene": ..., "edits": ["restyle 0", ...]}.

    Without edits, that is the scene with everything drawn that the document leaves out.
    """
    fields = fields_of(data, ("scene", "edits"))
    scene, _ = open_document(fields["scene"], models)
    for words in _list("edits", fields["edits"], MAX_EDITS):
        check_choice(PLAIN_EDITS, "edit", checks.text("an edit", words).partition(" ")[0])
        scene = apply_edit(scene, parse_words(words))
    return scene_text(scene).encode()


def strip(data: Any, models: Models) -> bytes:
    """Return a picture of before, after and difference, as PNG: {"before": ..., "after": ...}."""
    fields = fields_of(data, ("before", "after"))
    stations = [open_document(fields[name], models) for name in ("before", "after")]
    _check_one_model(stations)
    (before, model), (after, _) = stations
    return _png_bytes(films.draw_strip(before, after, model.snapshot))


def stations_of(data: Any, models: Models) -> list[Station]:
    """Return the scenes that a film leads through: {"scenes": [...]}."""
    fields = fields_of(data, ("scenes",))
    documents = _list("scenes", fields["scenes"], MAX_STATIONS)
    if len(documents) < 2:
        raise ValueError("a film needs two scenes or more: edit the scene first")
    stations = [open_document(document, models) for document in documents]
    _check_one_model(stations)
    return stations


def film_part(before: Station, after: Station) -> films.Film:
    """Return the film from one scene to the next."""
    return films.draw_film([before[0], after[0]], after[1].snapshot)


def joined(parts: Sequence[films.Film]) -> bytes:
    """Return films that each begin where the one before ends, as one GIF."""
    frames = [frame for part in parts[:-1] for frame in part.frames[:-1]]
    return films.Film((*frames, *parts[-1].frames)).gif()


def _check_one_model(stations: Sequence[Station]) -> None:
    names = sorted({scene.model for scene, _ in stations})
    if len(names) > 1:
        raise ValueError(f"scenes of different models, {' and '.join(names)}, can't be compared")


def fields_of(data: Any, names: tuple[str, ...]) -> dict:
    """Return a request's JSON object; raises ValueError unless it has these fields and no others."""
    if not isinstance(data, dict) or sorted(data) != sorted(names):
        raise ValueError(f"the request must be a JSON object with {' and '.join(names)}")
    return data


def _list(place: str, value: Any, longest: int) -> list:
    if not isinstance(value, list) or len(value) > longest:
        raise ValueError(f"{place} must be a list of at most {longest} entries")
    return value


def _png_bytes(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, format="PNG")
    return file.getvalue()
