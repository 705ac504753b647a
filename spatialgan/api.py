"""The public Python face: open a model, draw a scene, edit it, look at it, drag points of it, save it.

    import spatialgan

    model = spatialgan.load("bedroom")
    scene = model.scene(seed=2)
    moved = scene.move(0, dx=0.4).remove(2)
    moved.render().save("room.png")

Scenes are immutable: each edit returns a new scene. In a notebook a scene shows itself with its objects
outlined and named. The commands of the same names give the same bits. docs/python.md is the guide.

Coordinates are (y, x) in [-1, 1], from the top left. Mistakes raise ValueError in one line that says what
would be right.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec

from PIL import Image

from spatialgan.dragging import METHOD, drag_scene
from spatialgan.dragging.drag import DragSettings, DragState, run_drag
from spatialgan.dragging.summary import DragSummary
from spatialgan.drawing import films, overlays
from spatialgan.drawing.films import Film
from spatialgan.heatmaps.moves import gaussians
from spatialgan.models import shipped_models
from spatialgan.models.opened import OpenedModel, open_model
from spatialgan.scenes import checks
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.edits import (
    EDITS,
    Along,
    Copy,
    Edit,
    Move,
    Place,
    Remove,
    Resize,
    Restyle,
    apply_edit,
    parse_words,
)
from spatialgan.scenes.links import Resample
from spatialgan.scenes.render import render_scene
from spatialgan.scenes.scene import NOISE_MODE, TRUNCATION_PSI, SceneData
from spatialgan.scenes.scene_file import load_scene, save_scene, scene_text
from spatialgan.wording import counted

__all__ = [
    "DragSettings",
    "DragSummary",
    "Film",
    "Model",
    "Scene",
    "load",
    "open_scene",
    "shipped_models",
]

DRAG_SETTINGS = DragSettings()
Arguments = ParamSpec("Arguments")


def load(model: str | Path) -> "Model":
    """Return a shipped model by its name, or any model by the path of its snapshot.

    Raises ValueError, naming the shipped models, if there is no such model.
    """
    return Model(open_model(str(model)))


def open_scene(path: str | Path) -> "Scene":
    """Return the scene in a file, as `Scene.save` or `spatialgan scene` wrote it, or as a person did.

    Raises ValueError, in one line that names the file and the place, for anything that is not a scene.
    """
    data, opened = load_scene(Path(path))
    return Scene(Model(opened), data)


@dataclass(frozen=True, eq=False)
class Model:
    """A trained generator, opened by `load`."""

    opened: OpenedModel

    @property
    def name(self) -> str:
        """The name of the shipped model, or the path of the snapshot."""
        return self.opened.name

    @property
    def resolution(self) -> int:
        """The width and height of its images, in pixels."""
        return self.opened.snapshot.config.generator.resolution

    def scene(
        self,
        seed: int = 0,
        *,
        truncation_psi: float = TRUNCATION_PSI,
        noise_mode: str = NOISE_MODE,
    ) -> "Scene":
        """Return the scene that the model draws from a seed, as `spatialgan scene` does.

        `truncation_psi`: 1 leaves the styles as drawn, 0 makes all of them the mean style. `noise_mode`:
        random (from the seed), const (the same in all scenes) or none. Raises ValueError for other values.
        """
        psi = checks.number("truncation_psi", truncation_psi)
        seed = checks.whole_number("seed", seed)
        return Scene(self, scene_from_seed(self.opened, seed, psi, noise_mode))

    def __repr__(self) -> str:
        generator = self.opened.snapshot.config.generator
        objects = counted(generator.num_objects, "object") if generator.num_objects else "one style"
        layout = f"{counted(len(generator.heatmap_channels), 'level')} of heatmaps"
        return (
            f"<Model {self.name!r}: {self.resolution} x {self.resolution} px, {objects}, {layout}>"
        )


def _edit_method(
    make: Callable[Arguments, Edit],
) -> Callable[Concatenate["Scene", Arguments], "Scene"]:
    """Return the method of Scene that makes an edit of its arguments and applies it."""

    def method(scene: "Scene", *args: Arguments.args, **kwargs: Arguments.kwargs) -> "Scene":
        return scene.edit(make(*args, **kwargs))

    return method


def _add_edit_methods() -> None:
    """Give Scene a method per entry of EDITS, with the edit's fields as arguments and its docstring."""
    for name, edit in EDITS.items():
        method = _edit_method(edit)
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        arguments = inspect.signature(edit).parameters.values()
        described = {
            "__name__": name,
            "__qualname__": f"Scene.{name}",
            "__doc__": inspect.getdoc(edit),
            "__signature__": inspect.Signature([own, *arguments], return_annotation=Scene),
        }
        for attribute, value in described.items():
            setattr(method, attribute, value)
        setattr(Scene, name, method)


@dataclass(frozen=True, eq=False)
class Scene:
    """A scene of a model: everything that one image is made of. Each edit returns a new scene.

    Edits name their object: `1` is object 1 (a hierarchy is its model's only object, 0), and `"2/1"` is
    sub-heatmap 1 of level 2 alone.
    """

    model: Model
    data: SceneData

    if TYPE_CHECKING:  # `_add_edit_methods` adds a method per entry of EDITS
        move = _edit_method(Move)
        place = _edit_method(Place)
        resize = _edit_method(Resize)
        remove = _edit_method(Remove)
        copy = _edit_method(Copy)
        restyle = _edit_method(Restyle)
        along = _edit_method(Along)
        resample = _edit_method(Resample)

    def edit(self, *edits: Edit | str) -> "Scene":
        """Return the scene after edits, in the order given; as text they are written "move 0:0,0.4".

        Raises ValueError, naming the edit, if it is not an edit or doesn't fit the scene.
        """
        data = self.data
        for edit in edits:
            data = apply_edit(data, parse_words(edit) if isinstance(edit, str) else edit)
        return Scene(self.model, data)

    def render(self) -> Image.Image:
        """Return the image: the same bits as `spatialgan render`."""
        image = render_scene(self.data, self.model.opened.snapshot)
        return Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())

    def outlined(self) -> Image.Image:
        """Return the image enlarged, with circles around the objects and the names that edits use."""
        image = render_scene(self.data, self.model.opened.snapshot)
        return overlays.outlined(image, self.data.layout)

    def strip(self, before: "Scene") -> Image.Image:
        """Return an earlier scene, this one, and how much each pixel changed, side by side.

        Raises ValueError if they are of different models.
        """
        _check_same_model([before, self])
        return films.draw_strip(before.data, self.data, self.model.opened.snapshot)

    def film(self, *before: "Scene") -> Film:
        """Return a film through earlier scenes to this one, on which everything changes gradually.

        Raises ValueError if none are given, or if they are of different models.
        """
        if not before:
            raise ValueError("a film starts from an earlier scene: write after.film(before)")
        _check_same_model([*before, self])
        scenes = [scene.data for scene in (*before, self)]
        return films.draw_film(scenes, self.model.opened.snapshot)

    def drag(
        self,
        handles: Sequence[drag_scene.Point],
        targets: Sequence[drag_scene.Point],
        *,
        method: str = METHOD,
        mask: str | Path | Image.Image | None = None,
        settings: DragSettings = DRAG_SETTINGS,
    ) -> tuple["Scene", DragSummary]:
        """Return the scene with the content at each handle (y, x) dragged to its target, and a summary of the drag.

        `method` is a key of DRAGS (docs/drag.md), `mask` a square picture, or the path of one: white may
        change, black stays the same; without a mask everything may change. Raises ValueError if the
        points are not pairs inside the image, or if the model lacks what the method needs.
        """
        drag, snapshot = drag_scene.find_drag(method), self.model.opened.snapshot
        ends = drag_scene.pair_points(handles, targets)
        drag_scene.check_method(snapshot, drag)
        cells = drag_scene.feature_resolution(snapshot)
        if isinstance(mask, Image.Image):
            fixed = drag_scene.fixed_region(mask, cells)
        else:
            fixed = drag_scene.read_masks([] if mask is None else [Path(mask)], cells)
        problem = drag_scene.drag_problem(self.data, snapshot, *ends, fixed, settings)
        states: list[DragState] = []

        def watch(state: DragState) -> bool:
            states.append(state)
            return True

        result = run_drag(problem, drag, watch)
        dragged = Scene(self.model, drag_scene.dragged_scene(self.data, result.state))
        record = drag_scene.drag_record(method, problem, result)
        return dragged, DragSummary(record, tuple(states), problem, snapshot)

    def json(self) -> str:
        """Return the scene as its JSON document."""
        return scene_text(self.data)

    def save(self, path: str | Path) -> None:
        """Write the scene's JSON document atomically; `open_scene` reads it back bit for bit."""
        save_scene(Path(path), self.data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scene) and self.json() == other.json()

    def __hash__(self) -> int:
        return hash(self.json())

    def __repr__(self) -> str:
        levels = [gaussians(level).presence[0] for level in self.data.layout.levels]
        counts = ", ".join(f"{int((p > 0).sum())} of {len(p)}" for p in levels)
        present = f", present: {counts}" if counts else ""
        return f"<Scene of {self.model.name!r}, seed {self.data.seed}{present}>"

    def _repr_png_(self) -> bytes:
        """Return what a notebook shows: the image with its objects outlined and named."""
        file = BytesIO()
        self.outlined().save(file, format="PNG")
        return file.getvalue()


_add_edit_methods()


def _check_same_model(scenes: Sequence[Scene]) -> None:
    names = {scene.model.opened.sha256: scene.model.name for scene in scenes}
    if len(names) > 1:
        raise ValueError(
            f"scenes of different models, {' and '.join(names.values())}, don't compare"
        )
