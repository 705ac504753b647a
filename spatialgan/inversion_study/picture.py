"""The picture of a study: photos, their inversions, and these with an object moved, removed and restyled.

Shapes: n photos, r pixels along an axis.
"""

from collections.abc import Sequence

from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from spatialgan.drawing import overlays as drawing
from spatialgan.inversion.inverted import example_edit
from spatialgan.inversion_study.kept import Inverted
from spatialgan.scenes.edits import Edit, Move, Remove, Restyle, apply_edit
from spatialgan.scenes.render import render_scene
from spatialgan.scenes.scene import SceneData


def draw_study(photos: UInt8[Tensor, "n 3 r r"], found: Sequence[Inverted]) -> Image.Image:
    """Return a line per photo."""
    return drawing.stacked([draw_line(*pair) for pair in zip(photos, found, strict=True)])


def draw_line(photo: UInt8[Tensor, "3 r r"], one: Inverted) -> Image.Image:
    """Return a photo, its inversion, and one edit of each kind."""
    snapshot = one.model.snapshot
    panels = {
        "photo": drawing.enlarged(photo),
        "inversion": drawing.outlined(render_scene(one.scene, snapshot), one.scene.layout),
    }
    for words, edit in edits_of(one.scene, snapshot.config.generator.num_objects).items():
        edited = apply_edit(one.scene, edit)
        panels[words] = drawing.outlined(render_scene(edited, snapshot), edited.layout)
    return drawing.side_by_side(
        [drawing.captioned(picture, caption) for caption, picture in panels.items()]
    )


def edits_of(scene: SceneData, num_objects: int) -> dict[str, Edit]:
    """Return what is done to the most central object; all is restyled where objects have no style of their own."""
    _, example = example_edit(scene)
    if not isinstance(example, Move):
        return {"restyled": example}
    restyled = Restyle(example.what if num_objects else "all")
    return {"moved": example, "removed": Remove(example.what), "restyled": restyled}
