"""EDITS: what can be done to a scene, as pure functions from a scene to a scene.

An edit applies to an object, `1` (a hierarchy is its model's only object, 0), or to a single sub-heatmap,
`2/1`: sub-heatmap 1 of level 2. Coordinates are (y, x) in [-1, 1]; moving by (0, 1) is half an image to the
right.

To add one: write a frozen dataclass whose fields are its numbers and whose first docstring line says what it
does, with a SYNTAX that shows its text, `parse(text)` and `__call__(scene) -> scene`, and give it a key at
the foot of this file. That makes it an option of `spatialgan edit`, a word of galleries, and a method of
`spatialgan.Scene` with the fields as its arguments.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from spatialgan.heatmaps import moves
from spatialgan.heatmaps.layout import Gaussians
from spatialgan.scenes import checks
from spatialgan.scenes.addresses import NUMBER, PAIR, WHAT, first_center, match_text, where_of
from spatialgan.scenes.along import load_directions, moved_along
from spatialgan.scenes.links import Resample
from spatialgan.scenes.scene import CENTER_LIMIT, MAX_SEED, SceneData, StyleSeed
from spatialgan.scenes.style_changes import with_code_of, without_codes
from spatialgan.variants import choose, unknown_name


@runtime_checkable
class Edit(Protocol):
    """An edit: data that maps a scene to a scene."""

    SYNTAX: ClassVar[str]

    @classmethod
    def parse(cls, text: str) -> "Edit":
        """Return the edit that a text describes; raises ValueError, showing SYNTAX, for any other text."""
        ...

    def __call__(self, scene: SceneData) -> SceneData:
        """Return the edited scene; raises ValueError if the edit doesn't fit the scene."""
        ...


@dataclass(frozen=True)
class Move:
    """Shift by an offset (DY, DX); an offset of 2 is the whole image."""

    SYNTAX: ClassVar[str] = "WHAT:DY,DX"
    what: int | str
    dy: float = field(default=0.0, kw_only=True)
    dx: float = field(default=0.0, kw_only=True)

    @classmethod
    def parse(cls, text: str) -> "Move":
        """Return the edit that a text describes."""
        found = match_text(f"{WHAT}:{PAIR}", text, cls.SYNTAX)
        return cls(found["what"], dy=float(found["y"]), dx=float(found["x"]))

    def __call__(self, scene: SceneData) -> SceneData:
        """Return the scene with the centers shifted."""
        offset = (checks.number("dy", self.dy), checks.number("dx", self.dx))
        where = where_of(self.what, scene.layout)
        return replace(scene, layout=moves.shift(scene.layout, where, offset))


@dataclass(frozen=True)
class Place:
    """Put the center at a point (Y, X), -1 to 1 in the image; a hierarchy moves as one."""

    SYNTAX: ClassVar[str] = "WHAT:Y,X"
    what: int | str
    y: float = field(kw_only=True)
    x: float = field(kw_only=True)

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Return the edit that a text describes."""
        found = match_text(f"{WHAT}:{PAIR}", text, cls.SYNTAX)
        return cls(found["what"], y=float(found["y"]), x=float(found["x"]))

    def __call__(self, scene: SceneData) -> SceneData:
        """Return the scene with the center of the first sub-heatmap there, and the others along with it."""
        y, x = checks.number("y", self.y), checks.number("x", self.x)
        where = where_of(self.what, scene.layout)
        from_y, from_x = first_center(scene.layout, where)
        offset = (y - from_y, x - from_x)
        return replace(scene, layout=moves.shift(scene.layout, where, offset))


@dataclass(frozen=True)
class Resize:
    """Make larger or smaller by a positive factor."""

    SYNTAX: ClassVar[str] = "WHAT:FACTOR"
    what: int | str
    factor: float

    @classmethod
    def parse(cls, text: str) -> "Resize":
        """Return the edit that a text describes; raises ValueError for a factor that is not positive."""
        found = match_text(f"{WHAT}:(?P<factor>{NUMBER})", text, cls.SYNTAX)
        return cls(found["what"], _positive(float(found["factor"])))

    def __call__(self, scene: SceneData) -> SceneData:
        """Return the scene with the standard deviations, and a hierarchy's distances, times the factor."""
        factor = _positive(checks.number("factor", self.factor))
        where = where_of(self.what, scene.layout)
        return replace(scene, layout=moves.resize(scene.layout, where, factor))


@dataclass(frozen=True)
class Remove:
    """Take away: its heatmap becomes 0, and its style no longer matters."""

    SYNTAX: ClassVar[str] = "WHAT"
    what: int | str

    @classmethod
    def parse(cls, text: str) -> "Remove":
        """Return the edit that a text describes."""
        return cls(match_text(WHAT, text, cls.SYNTAX)["what"])

    def __call__(self, scene: SceneData) -> SceneData:
        """Return the scene with the presence 0."""
        where = where_of(self.what, scene.layout)
        return replace(scene, layout=moves.remove(scene.layout, where))


@dataclass(frozen=True)
class Copy:
    """Put a second one, in the same style, at an offset (DY, DX) from the first.

    A model has a fixed number of objects, so the copy replaces one that was removed or lies outside the image.
    """

    SYNTAX: ClassVar[str] = "OBJECT:DY,DX"
    index: int
    dy: float = field(default=0.0, kw_only=True)
    dx: float = field(default=0.0, kw_only=True)

    @classmethod
    def parse(cls, text: str) -> "Copy":
        """Return the edit that a text describes."""
        found = match_text(rf"(?P<index>\d{{1,6}}):{PAIR}", text, cls.SYNTAX)
        return cls(int(found["index"]), dy=float(found["y"]), dx=float(found["x"]))

    def __call__(self, scene: SceneData) -> SceneData:
        """Return the scene with the copy in it; raises ValueError if no object is free for it."""
        layout = scene.layout
        index = checks.whole_number("the object", self.index)
        offset = (checks.number("dy", self.dy), checks.number("dx", self.dx))
        source = moves.where_object(layout, index)
        if len(layout.levels) > 1:
            raise ValueError("a hierarchy is the only object of its model and can't be copied")
        target = _free_object(moves.objects(layout), index)
        layout = moves.copy(layout, source, moves.where_object(layout, target), offset)
        styles = list(scene.styles)
        if len(styles) > 1:
            styles[1 + target] = styles[1 + index]
            changes = with_code_of(scene.changes, 1 + target, 1 + index)
            return replace(scene, layout=layout, styles=tuple(styles), changes=changes)
        return replace(scene, layout=layout)


@dataclass(frozen=True)
class Restyle:
    """Draw a new style for an object, the background or all, from SEED or the next seed."""

    SYNTAX: ClassVar[str] = "OBJECT[:SEED], background[:SEED] or all[:SEED]"
    what: int | str  # an object's index, "background" or "all"
    seed: int | None = None  # None: the seed after the present one

    @classmethod
    def parse(cls, text: str) -> "Restyle":
        """Return the edit that a text describes."""
        found = match_text(r"(\d{1,6}|background|all)(?::(\d{1,19}))?", text, cls.SYNTAX)
        return cls(found[1], int(found[2]) if found[2] else None)

    def __call__(self, scene: SceneData) -> SceneData:
        """Return the scene with other styles, as their seeds draw them, and the same layout.

        Raises ValueError if the model has no such style.
        """
        chosen = self._codes(scene)
        styles = tuple(
            StyleSeed(self._next(style.seed), code) if code in chosen else style
            for code, style in enumerate(scene.styles)
        )
        return replace(scene, styles=styles, changes=without_codes(scene.changes, chosen))

    def _next(self, seed: int) -> int:
        return (
            (seed + 1) % MAX_SEED if self.seed is None else checks.whole_number("seed", self.seed)
        )

    def _codes(self, scene: SceneData) -> range:
        num_codes = len(scene.styles)
        if self.what == "all":
            return range(num_codes)
        if self.what == "background":
            return range(1)
        if isinstance(self.what, str) and not re.fullmatch(r"\d{1,6}", self.what):
            raise ValueError(
                f"'{self.what[:40]}' is neither an object, such as 1, nor background nor all"
            )
        index = int(self.what) if isinstance(self.what, str) else self.what
        moves.where_object(scene.layout, checks.whole_number("the object", index))
        if num_codes == 1:
            raise ValueError(
                "this model has one style for the whole image: restyle all, or use a model with SEL_indoor"
            )
        return range(1 + index, 2 + index)


@dataclass(frozen=True)
class Along:
    """Move the styles ALPHA steps along direction K (from 0) of a file made by `spatialgan directions`."""

    SYNTAX: ClassVar[str] = "DIRECTIONS:K:ALPHA"
    path: str | Path
    index: int = 0
    alpha: float = field(default=1.0, kw_only=True)

    @classmethod
    def parse(cls, text: str) -> "Along":
        """Return the edit that a text describes."""
        found = match_text(
            rf"(?P<path>.+):(?P<index>\d{{1,6}}):(?P<alpha>{NUMBER})", text, cls.SYNTAX
        )
        return cls(found["path"], int(found["index"]), alpha=float(found["alpha"]))

    def __call__(self, scene: SceneData) -> SceneData:
        """Return the scene with other styles; its file then contains them, and no longer needs the directions.

        Raises ValueError if the file has no such direction for the scene's model.
        """
        path = self.path
        if not isinstance(path, Path):
            path = Path(checks.text("the file of directions", path))
        index = checks.whole_number("the direction", self.index)
        alpha = checks.number("alpha", self.alpha)
        return moved_along(scene, load_directions(path), index, alpha)


def _positive(factor: float) -> float:
    if not factor > 0:
        raise ValueError(f"the factor is {factor:g}, but must be positive")
    return factor


def _free_object(level: Gaussians, taken: int) -> int:
    """Return the object that a copy may replace: a removed one, or else the farthest outside the image."""
    reach = level.centers[0].abs().amax(dim=-1)
    reach[level.presence[0] == 0] = 2 * CENTER_LIMIT
    reach[taken] = 0.0
    free = int(reach.argmax())
    if reach[free] <= 1:
        raise ValueError("every object of this model is in the image: remove one for the copy")
    return free


def parse_edit(name: str, text: str) -> Edit:
    """Return the edit `name` that a text describes; raises ValueError that names both."""
    edit = choose(EDITS, "edit", name)
    try:
        return edit.parse(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def parse_words(words: str) -> Edit:
    """Return the edit that "move 0:0,0.4" describes; raises ValueError that names it."""
    name, _, text = words.partition(" ")
    return parse_edit(name, text)


def apply_edit(scene: SceneData, edit: Edit) -> SceneData:
    """Return the edited scene; raises ValueError, naming the edit, if the edit doesn't fit the scene."""
    names = {cls: name for name, cls in EDITS.items()}
    if type(edit) not in names:
        raise ValueError(unknown_name(EDITS, "edit", edit))
    try:
        return edit(scene)
    except ValueError as error:
        raise ValueError(f"{names[type(edit)]}: {error}") from None


EDITS: dict[str, type[Edit]] = {
    "move": Move,
    "place": Place,
    "resize": Resize,
    "remove": Remove,
    "copy": Copy,
    "restyle": Restyle,
    "along": Along,
    "resample": Resample,
}
