"""From a document to a complete scene: whatever the document leaves out is drawn by the model it names.

Shapes: j first layers, *m codes if there are several, w style space, k sub-heatmaps of all levels
together, s = HEATMAP_PIXELS.
"""

from dataclasses import replace
from math import prod

import torch
from jaxtyping import Float
from torch import Tensor

from spatialgan.heatmaps.layout import Gaussians, Layout
from spatialgan.heatmaps.samplers import all_inside
from spatialgan.models.opened import OpenedModel
from spatialgan.networks.generator import GeneratorConfig
from spatialgan.networks.style_space import style_channels
from spatialgan.scenes.changes import HEATMAP_PIXELS, Changes
from spatialgan.scenes.checks import check_range
from spatialgan.scenes.document import Gaussian, SceneDocument
from spatialgan.scenes.scene import (
    NOISE_MODE,
    TRUNCATION_PSI,
    SceneData,
    StyleSeed,
)
from spatialgan.snapshot import draw_samples


def scene_from_seed(
    model: OpenedModel,
    seed: int,
    truncation_psi: float = TRUNCATION_PSI,
    noise_mode: str = NOISE_MODE,
) -> SceneData:
    """Return the scene that a model draws from a seed; several objects are inside the frame.

    Raises ValueError for settings that no scene can have, and if the model's heatmaps are noise.
    """
    return complete_scene(SceneDocument(model.name, seed, truncation_psi, noise_mode), model)


def complete_scene(document: SceneDocument, model: OpenedModel) -> SceneData:
    """Return the scene of a document for its model, with everything drawn that the document leaves out.

    Neither reads nor writes anything, so one opened model serves any number of documents and threads.
    Raises ValueError, naming the place, if the document doesn't fit the model or was made with another
    file of that name.
    """
    if document.model_sha256 and document.model_sha256 != model.sha256:
        raise ValueError(
            f"was made with another '{document.model}' (sha256 {document.model_sha256[:12]}..., not "
            f"{model.sha256[:12]}...): remove model_sha256 to render it with this one"
        )
    config = model.snapshot.config
    inside = replace(config, sampling=all_inside(config.sampling))
    layout = draw_samples(inside, document.seed, 0, 1).layout
    if document.layout is not None:
        layout = _layout(document.layout, layout)
    return SceneData(
        document.model,
        model.sha256,
        document.seed,
        document.truncation_psi,
        document.noise_mode,
        layout,
        _styles(document, 1 + config.generator.num_objects),
        _changes(document, config.generator),
    )


def _layout(levels: tuple[tuple[Gaussian, ...], ...], drawn: Layout) -> Layout:
    """Return a document's layout; raises ValueError unless it has the levels and counts that are drawn."""
    _check_count("layout", len(levels), len(drawn.levels), "level")
    for number, (level, like) in enumerate(zip(levels, drawn.levels, strict=True)):
        if not isinstance(like, Gaussians):
            return drawn  # noise, which SceneData refuses
        _check_count(f"layout, level {number}", len(level), like.centers.shape[1], "sub-heatmap")
    return Layout(tuple(_level(level) for level in levels), 1)


def _level(level: tuple[Gaussian, ...]) -> Gaussians:
    columns = [g.center for g in level], [g.sigma for g in level], [g.presence for g in level]
    centers, sigmas, presence = (torch.tensor(x, dtype=torch.float32) for x in columns)
    return Gaussians(centers.reshape(1, -1, 2), sigmas[None], presence[None])


def _styles(document: SceneDocument, num_codes: int) -> tuple[StyleSeed, ...]:
    """Return a style per code; those that the document leaves out are drawn from its seed."""
    styles = [StyleSeed(document.seed, code) for code in range(num_codes)]
    if document.background is not None:
        styles[0] = StyleSeed(document.background, 0)
    if document.objects is not None:
        _check_count("styles, objects", len(document.objects), num_codes - 1, "object")
        for i, style in enumerate(document.objects):
            check_range(f"styles, object {i}: object", style.code - 1, 0, num_codes - 2)
        styles[1:] = document.objects
    return tuple(styles)


def _check_count(place: str, count: int, expected: int, what: str) -> None:
    if count != expected:
        raise ValueError(
            f"{place}: {count:,} given, but this model takes {expected}, one per {what}"
        )


def _changes(document: SceneDocument, config: GeneratorConfig) -> Changes:
    """Return the changes that drags and directions made, in the model's shapes.

    Raises ValueError, naming the field, if they don't fit the model.
    """
    codes = (1 + config.num_objects,) if config.num_objects else ()
    num_heatmaps = sum(config.heatmap_channels)
    found = {}
    if "latent" in document.changes:
        found["latent"] = _shaped(document, "latent", (*codes, config.w_dim))
        if found["latent"].shape[1] > config.num_ws:
            raise ValueError(f"changes, latent: this model has {config.num_ws} layers only")
    if "heatmaps" in document.changes:
        found["heatmaps"] = _shaped(document, "heatmaps", (HEATMAP_PIXELS, HEATMAP_PIXELS))
        if found["heatmaps"].shape[1] != num_heatmaps:
            raise ValueError(f"changes, heatmaps: this model has {num_heatmaps} sub-heatmaps")
    if "channels" in document.changes:
        convolutions = style_channels(config)
        found["channels"] = _shaped(document, "channels", (*codes, max(convolutions)))
        if found["channels"].shape[1] != len(convolutions):
            raise ValueError(f"changes, channels: this model has {len(convolutions)} convolutions")
    return Changes(**found)


def _shaped(
    document: SceneDocument, name: str, shape: tuple[int, ...]
) -> Float[Tensor, "1 _ *shape"]:
    """Return the numbers of a change as [1 j *shape], for as many j as there are."""
    numbers = torch.from_numpy(document.changes[name])
    if len(numbers) % prod(shape):
        raise ValueError(
            f"changes, {name}: has {4 * len(numbers):,} bytes, but this model needs a multiple of "
            f"{4 * prod(shape):,}"
        )
    return numbers.view(1, -1, *shape)
