"""The command that drags points of a scene.

The first Ctrl-C ends a drag after the current step and keeps the result so far; a second one ends the program.
"""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from spatialgan.cli.options import FiniteRange
from spatialgan.cli.outputs import check_outputs, scene_outputs
from spatialgan.dragging import METHOD

FILE = click.Path(path_type=Path)


class Interrupts:
    """How often Ctrl-C was pressed."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count the first Ctrl-C instead of ending the program."""

        def note(number: int, frame: object) -> None:
            self.count += 1
            signal.signal(signal.SIGINT, former)

        former = signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, former)


@click.command()
@click.argument("scene_file", type=FILE)
@click.option(
    "--from",
    "handles",
    multiple=True,
    metavar="Y,X",
    help="A handle point; the image spans -1 to 1.",
)
@click.option("--to", "targets", multiple=True, metavar="Y,X", help="The target of that handle.")
@click.option(
    "--mask", type=FILE, multiple=True, help="A picture: white may change, black stays the same."
)
@click.option(
    "--method",
    default=METHOD,
    show_default=True,
    help="latent (DragGAN), latent+pixels, latent+centers, coarse or coarse+latent+centers.",
)
@click.option("--max-steps", default=300, show_default=True, type=click.IntRange(0, 10000))
@click.option(
    "--tolerance",
    "tolerance_px",
    default=1.0,
    show_default=True,
    type=FiniteRange(0.75, 100),
    help="Distance at which a handle counts as arrived, in half cells of the features (pixels of the image, "
    "up to 256 pixels).",
)
@click.option(
    "-o",
    "--output",
    default="",
    help="The dragged scene; .png, _strip.png, .gif and _drag.json are written beside it. By default "
    "<scene>_dragged.json.",
)
def drag(
    scene_file: Path,
    handles: tuple[str, ...],
    targets: tuple[str, ...],
    mask: tuple[Path, ...],
    output: str,
    **options: Any,
) -> None:
    """Drag points of a scene to targets: the first --from to the first --to, and so on.

    Ctrl-C ends the drag after the current step and keeps the result so far.
    """
    from spatialgan.dragging import drag_scene
    from spatialgan.dragging.drag import DragSettings, run_drag
    from spatialgan.dragging.drag_film import draw_drag_film
    from spatialgan.drawing import films
    from spatialgan.files import write_atomically
    from spatialgan.pictures import save_png
    from spatialgan.scenes.render import render_scene
    from spatialgan.scenes.scene_file import load_scene, save_scene

    default = scene_file.with_name(f"{scene_file.stem}_dragged.json")
    endings = ("_strip.png", ".gif", "_drag.json")
    paths = scene_outputs(Path(output) if output else default, scene_file, *endings)
    check_outputs(paths, mask)
    found = drag_scene.find_drag(options["method"])
    starts, ends = ([drag_scene.parse_point(p) for p in texts] for texts in (handles, targets))
    pairs = drag_scene.pair_points(starts, ends)
    before, model = load_scene(scene_file)
    snapshot = model.snapshot
    drag_scene.check_method(snapshot, found)
    fixed = drag_scene.read_masks(mask, drag_scene.feature_resolution(snapshot))
    limits = DragSettings(max_steps=options["max_steps"], tolerance_px=options["tolerance_px"])
    problem = drag_scene.drag_problem(before, snapshot, *pairs, fixed, limits)
    interrupts, states = Interrupts(), []

    def watch(state: Any) -> bool:
        states.append(state)
        return not interrupts.count

    with interrupts.counted():
        result = run_drag(problem, found, watch)
    after = drag_scene.dragged_scene(before, result.state)
    record = json.dumps(drag_scene.drag_record(options["method"], problem, result), indent=2)
    path, image_path, strip_path, film_path, record_path = paths
    save_scene(path, after)
    save_png(image_path, render_scene(after, snapshot))
    films.save_picture(strip_path, films.draw_strip(before, after, snapshot))
    draw_drag_film(states, problem, snapshot).save(film_path)
    write_atomically(record_path, f"{record}\n".encode())
    click.echo(record)
