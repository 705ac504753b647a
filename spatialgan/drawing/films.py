"""An edit to look at: a strip of before, after and difference, and a film from one to the other.

A film is an animated GIF, which Pillow writes and everything shows; an MP4 would need a video encoder
outside Python.

Shapes: r image pixels.
"""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from spatialgan.drawing import overlays as drawing
from spatialgan.files import atomic_file, write_atomically
from spatialgan.scenes.changes import without_changes
from spatialgan.scenes.render import (
    interpolate_inputs,
    render_inputs,
    render_scene,
    scene_inputs,
)
from spatialgan.scenes.scene import SceneData
from spatialgan.snapshot import Snapshot

STEPS = 16  # frames from one scene to the next
FRAME_MS = 50
HOLD_MS = 900  # how long a scene itself is shown


@dataclass(frozen=True)
class Film:
    """Pictures and how many ms each is shown. In a notebook it plays automatically."""

    frames: tuple[tuple[Image.Image, int], ...]

    def __repr__(self) -> str:
        seconds = sum(duration for _, duration in self.frames) / 1000
        count = f"{len(self.frames)} frame{'' if len(self.frames) == 1 else 's'}"
        return f"<Film: {count}, {seconds:.1f} s>"

    def gif(self) -> bytes:
        """Return the film as an endless GIF whose frames share one palette, so that nothing flickers."""
        pictures = [picture for picture, _ in self.frames]
        page = drawing.stacked(pictures[:: STEPS // 2])
        palette = page.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        first, *others = [f.quantize(palette=palette, dither=Image.Dither.NONE) for f in pictures]
        file = BytesIO()
        first.save(
            file,
            format="GIF",
            save_all=True,
            append_images=others,
            duration=[duration for _, duration in self.frames],
            loop=0,
        )
        return file.getvalue()

    def save(self, path: str | Path) -> None:
        """Write the film atomically as GIF."""
        write_atomically(Path(path), self.gif())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return what a notebook shows."""
        return {"text/plain": repr(self), "image/gif": base64.b64encode(self.gif()).decode()}


def draw_strip(before: SceneData, after: SceneData, snapshot: Snapshot) -> Image.Image:
    """Return two scenes of a model side by side with their layouts, and how much each pixel changed."""
    first, second = render_scene(before, snapshot), render_scene(after, snapshot)
    change = drawing.difference(first, second)
    panels = {
        "before": drawing.outlined(first, before.layout),
        "after": drawing.outlined(second, after.layout),
        f"change (white: {drawing.STRONGEST_CHANGE} of 255)": drawing.enlarged(change),
    }
    return drawing.side_by_side(
        [drawing.captioned(picture, caption) for caption, picture in panels.items()]
    )


def draw_film(scenes: Sequence[SceneData], snapshot: Snapshot) -> Film:
    """Return a film from scene to scene, each of which is itself a frame of it.

    On the left the image with its layout, on the right the image alone.
    """
    stations = [scene_inputs(scene, snapshot) for scene in scenes]
    stills = []
    for here, there in zip(stations, stations[1:], strict=False):
        for step in range(STEPS):
            fraction = (1 - math.cos(math.pi * step / STEPS)) / 2  # slow at both ends
            inputs = interpolate_inputs(here, there, fraction)
            stills.append((inputs, HOLD_MS if step == 0 else FRAME_MS))
    stills.append((stations[-1], HOLD_MS))
    frames = []
    for inputs, duration in stills:
        image = render_inputs(inputs, snapshot)
        layout = without_changes(inputs.layout).to("cpu")
        panels = [drawing.outlined(image, layout), drawing.enlarged(image)]
        frames.append((drawing.side_by_side(panels), duration))
    return Film(tuple(frames))


def save_picture(path: Path, picture: Image.Image) -> None:
    """Write a picture atomically as PNG."""
    with atomic_file(path) as file:
        picture.save(file, format="PNG")
