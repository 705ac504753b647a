"""An edit to look at: a strip of before, after and difference, and a film of the way from one to the other.

The film is an animated GIF, which Pillow writes and everything shows; an MP4 would need a video encoder
outside Python.

Shapes: r image pixels.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from spatialgan.drawing import overlays as drawing
from spatialgan.files import atomic_file
from spatialgan.scenes.changes import without_changes
from spatialgan.scenes.scene import (
    Scene,
    inputs_between,
    render_inputs,
    render_scene,
    scene_inputs,
)
from spatialgan.snapshot import Snapshot

STEPS = 16  # frames from one scene to the next
FRAME_MS = 50
HOLD_MS = 900  # how long a scene itself is shown


def draw_strip(before: Scene, after: Scene, snapshot: Snapshot) -> Image.Image:
    """Return two scenes of a model side by side with their layouts, and what changed between them."""
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


def draw_frames(scenes: Sequence[Scene], snapshot: Snapshot) -> list[tuple[Image.Image, int]]:
    """Return the pictures of a film through scenes and how many ms each is shown.

    Left the image with its layout, right the image alone. The scenes themselves are frames of it.
    """
    stations = [scene_inputs(scene, snapshot) for scene in scenes]
    frames = []
    for here, there in zip(stations, stations[1:], strict=False):
        for step in range(STEPS):
            fraction = (1 - math.cos(math.pi * step / STEPS)) / 2  # slow at both ends
            inputs = inputs_between(here, there, fraction)
            frames.append((inputs, HOLD_MS if step == 0 else FRAME_MS))
    frames.append((stations[-1], HOLD_MS))
    pictures = []
    for inputs, duration in frames:
        image = render_inputs(inputs, snapshot)
        layout = without_changes(inputs.layout).to("cpu")
        panels = [drawing.outlined(image, layout), drawing.enlarged(image)]
        pictures.append((drawing.side_by_side(panels), duration))
    return pictures


def save_gif(path: Path, frames: list[tuple[Image.Image, int]]) -> None:
    """Write a film atomically as an endless GIF whose frames share one palette, so that nothing flickers."""
    page = drawing.stacked([picture for picture, _ in frames[:: STEPS // 2]])
    palette = page.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    pictures = [f.quantize(palette=palette, dither=Image.Dither.NONE) for f, _ in frames]
    durations = [duration for _, duration in frames]
    with atomic_file(path) as file:
        pictures[0].save(
            file,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=durations,
            loop=0,
        )


def save_picture(path: Path, picture: Image.Image) -> None:
    """Write a picture atomically as PNG."""
    with atomic_file(path) as file:
        picture.save(file, format="PNG")
