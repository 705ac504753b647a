"""From the end of an inversion to a scene, its numbers and a strip to look at.

The scene's styles are drawn from the seed of a sample, and `changes` holds what is added to them, as after a drag; so
every command that takes scenes takes it, and it renders to the same bits again.

Shapes: r resolution.
"""

from dataclasses import asdict, replace

import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from spatialgan.drawing import overlays as drawing
from spatialgan.heatmaps import moves
from spatialgan.inversion.invert import Found, Inversion, InversionState
from spatialgan.inversion.perceptual import Perceptual, distance
from spatialgan.models.opened import OpenedModel
from spatialgan.scenes.changes import Changes
from spatialgan.scenes.edits import Edit, Move, Restyle, apply_edit
from spatialgan.scenes.render import render_scene, scene_inputs
from spatialgan.scenes.scene import SceneData, StyleSeed

MOVED = 0.5  # how far the strip's edit moves an object, in [-1, 1] units, toward the farther side


def inverted_scene(model: OpenedModel, found: Found) -> SceneData:
    """Return the scene that an inversion has found; raises ValueError if a scene can't have one of its numbers."""
    codes = range(1 + model.snapshot.config.generator.num_objects)
    scene = SceneData(
        model.name,
        model.sha256,
        found.seed,
        1.0,
        "const",
        found.layout,
        tuple(StyleSeed(found.seed, code) for code in codes),
    )
    drawn = scene_inputs(scene, model.snapshot).ws
    return replace(scene, changes=Changes(latent=found.ws - drawn))


def inversion_record(
    inversion: Inversion,
    state: InversionState,
    image: UInt8[Tensor, "3 r r"],
    photo: UInt8[Tensor, "3 r r"],
    judge: Perceptual,
) -> dict:
    """Return the outcome of an inversion as JSON data, measured on the rendered scene's bytes.

    `nearest_mse` is the lowest of the samples'.
    """
    return {
        "outcome": state.outcome,
        "steps": state.step,
        "seconds": round(state.seconds, 2),
        **closeness(image, photo, judge),
        "nearest_mse": round(inversion.nearest_mse, 6),
        "perceptual_by": {"name": judge.name, "sha256": judge.sha256},
        "settings": asdict(inversion.settings),
    }


def closeness(
    image: UInt8[Tensor, "3 r r"], photo: UInt8[Tensor, "3 r r"], judge: Perceptual
) -> dict[str, float]:
    """Return how close an image is to a photo: `mse` in [-1, 1], `psnr` in dB, `perceptual` as `judge` sees it."""
    ours, theirs = (x[None].float() / 127.5 - 1 for x in (image, photo))
    mse = float((ours - theirs).square().mean())
    with torch.no_grad():
        apart = float(distance(judge.features(ours), judge.features(theirs)))
    return {"mse": round(mse, 6), "psnr": round(psnr(mse), 3), "perceptual": round(apart, 6)}


def psnr(mse: float) -> float:
    """Return the peak signal-to-noise ratio in dB of a mean squared error in [-1, 1]; 100 at most."""
    return min(100.0, float(10 * torch.log10(torch.tensor(4 / max(mse, 1e-12)))))


def example_edit(scene: SceneData) -> tuple[str, Edit]:
    """Return the edit that a strip shows, in words and as an edit: the most central object moves, if there is one."""
    if not scene.layout.levels:
        return "restyled", Restyle("all")
    level = moves.objects(scene.layout)
    far = level.centers[0].abs().amax(dim=-1) + 10.0 * (level.presence[0] == 0)
    index = int(far.argmin())
    dx = -MOVED if float(level.centers[0, index, 1]) > 0 else MOVED
    return f"object {index} moved", Move(index, dx=dx)


def draw_inversion(
    photo: UInt8[Tensor, "3 r r"], scene: SceneData, model: OpenedModel
) -> Image.Image:
    """Return the photo as the model sees it, the scene with its layout, their difference, and an edit of the scene."""
    image = render_scene(scene, model.snapshot)
    words, edit = example_edit(scene)
    edited = apply_edit(scene, edit)
    after = render_scene(edited, model.snapshot)
    panels = {
        "photo": drawing.enlarged(photo),
        "inversion": drawing.outlined(image, scene.layout),
        f"difference (white: {drawing.STRONGEST_CHANGE} of 255)": drawing.enlarged(
            drawing.difference(photo, image)
        ),
        words: drawing.outlined(after, edited.layout),
    }
    return drawing.side_by_side(
        [drawing.captioned(picture, caption) for caption, picture in panels.items()]
    )
