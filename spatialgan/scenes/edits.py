"""EDITS: what can be done to a scene, as text ("move 0:0.3,-0.2") and as pure functions Scene -> Scene.

An edit names what it is of: `1` is object 1 (of a hierarchy there is object 0 only: all of it), `2/1` is
sub-heatmap 1 of level 2 alone. Coordinates are (y, x) in [-1, 1]; moving by 0,1 is half an image to the right.

To add one: write a frozen dataclass with a class method `parse(text)` and `__call__(scene) -> scene`, a
SYNTAX that says what its text looks like, give it a key at the foot of this file, from where galleries have it,
and an option of that name to the command in scene_commands.py.
"""

import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from spatialgan.heatmaps import moves
from spatialgan.heatmaps.layout import Gaussians, Layout
from spatialgan.scenes.scene import CENTER_LIMIT, MAX_SEED, Scene, Style
from spatialgan.variants import choose

WHAT = r"(?P<level>\d{1,6}/)?(?P<index>\d{1,6})"
NUMBER = r"[-+]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})"
PAIR = rf"(?P<y>{NUMBER}),(?P<x>{NUMBER})"


@dataclass(frozen=True)
class ObjectAddress:
    """An object: a sub-heatmap of a layout of one level, or a whole hierarchy."""

    index: int

    def where(self, layout: Layout) -> moves.Where:
        """Return the sub-heatmaps of the object; raises ValueError where the layout has no such one."""
        return moves.where_object(layout, self.index)


@dataclass(frozen=True)
class PartAddress:
    """A single sub-heatmap."""

    level: int
    index: int

    def where(self, layout: Layout) -> moves.Where:
        """Return the sub-heatmap; raises ValueError where the layout has no such one."""
        return moves.where_part(layout, self.level, self.index)


Address = ObjectAddress | PartAddress


def _match(pattern: str, text: str, syntax: str) -> re.Match:
    found = re.fullmatch(pattern, text)
    if found is None:
        raise ValueError(f"'{text[:40]}' is not of the form {syntax}")
    return found


def _address(found: re.Match) -> Address:
    index = int(found["index"])
    return PartAddress(int(found["level"][:-1]), index) if found["level"] else ObjectAddress(index)


def _pair(found: re.Match) -> tuple[float, float]:
    return float(found["y"]), float(found["x"])


@dataclass(frozen=True)
class Move:
    """Shift by an offset."""

    SYNTAX: ClassVar[str] = "WHAT:DY,DX"
    of: Address
    offset: tuple[float, float]

    @classmethod
    def parse(cls, text: str) -> "Move":
        """Return the edit that a text describes."""
        found = _match(f"{WHAT}:{PAIR}", text, cls.SYNTAX)
        return cls(_address(found), _pair(found))

    def __call__(self, scene: Scene) -> Scene:
        """Return the scene with it shifted."""
        where = self.of.where(scene.layout)
        return replace(scene, layout=moves.shift(scene.layout, where, self.offset))


@dataclass(frozen=True)
class Place:
    """Put the center at a point; a hierarchy goes along with the center of its level 0."""

    SYNTAX: ClassVar[str] = "WHAT:Y,X"
    of: Address
    center: tuple[float, float]

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Return the edit that a text describes."""
        found = _match(f"{WHAT}:{PAIR}", text, cls.SYNTAX)
        return cls(_address(found), _pair(found))

    def __call__(self, scene: Scene) -> Scene:
        """Return the scene with it there."""
        where = self.of.where(scene.layout)
        y, x = _first_center(scene.layout, where)
        offset = (self.center[0] - y, self.center[1] - x)
        return replace(scene, layout=moves.shift(scene.layout, where, offset))


@dataclass(frozen=True)
class Resize:
    """Make larger or smaller by a factor."""

    SYNTAX: ClassVar[str] = "WHAT:FACTOR"
    of: Address
    factor: float

    @classmethod
    def parse(cls, text: str) -> "Resize":
        """Return the edit that a text describes; raises ValueError for factors that aren't positive."""
        found = _match(f"{WHAT}:(?P<factor>{NUMBER})", text, cls.SYNTAX)
        if not float(found["factor"]) > 0:
            raise ValueError(f"'{text[:40]}' resizes by a factor that is not positive")
        return cls(_address(found), float(found["factor"]))

    def __call__(self, scene: Scene) -> Scene:
        """Return the scene with it resized."""
        where = self.of.where(scene.layout)
        return replace(scene, layout=moves.resize(scene.layout, where, self.factor))


@dataclass(frozen=True)
class Remove:
    """Take away: the heatmap is 0, and so is the object's style."""

    SYNTAX: ClassVar[str] = "WHAT"
    of: Address

    @classmethod
    def parse(cls, text: str) -> "Remove":
        """Return the edit that a text describes."""
        return cls(_address(_match(WHAT, text, cls.SYNTAX)))

    def __call__(self, scene: Scene) -> Scene:
        """Return the scene without it."""
        where = self.of.where(scene.layout)
        return replace(scene, layout=moves.remove(scene.layout, where))


@dataclass(frozen=True)
class Copy:
    """Put a second one of an object, its style included, at an offset from the first.

    A model has a fixed number of objects, so the copy takes the place of one that was removed or lies
    outside the image.
    """

    SYNTAX: ClassVar[str] = "OBJECT:DY,DX"
    index: int
    offset: tuple[float, float]

    @classmethod
    def parse(cls, text: str) -> "Copy":
        """Return the edit that a text describes."""
        found = _match(rf"(?P<index>\d{{1,6}}):{PAIR}", text, cls.SYNTAX)
        return cls(int(found["index"]), _pair(found))

    def __call__(self, scene: Scene) -> Scene:
        """Return the scene with the copy in it; raises ValueError where no object is free for it."""
        layout = scene.layout
        source = moves.where_object(layout, self.index)
        if len(layout.levels) > 1:
            raise ValueError("a hierarchy is the only object of its model and can't be copied")
        target = _free_object(layout.levels[0], self.index)
        layout = moves.copy(layout, source, moves.where_object(layout, target), self.offset)
        styles = list(scene.styles)
        if len(styles) > 1:
            styles[1 + target] = styles[1 + self.index]
        return replace(scene, layout=layout, styles=tuple(styles))


@dataclass(frozen=True)
class Restyle:
    """Draw the style of an object, of the background or of everything anew; the layout stays."""

    SYNTAX: ClassVar[str] = "OBJECT[:SEED], background[:SEED] or all[:SEED]"
    of: str  # an object's index, "background" or "all"
    seeds: tuple[int, ...]  # the seed, or none for the one after the present one

    @classmethod
    def parse(cls, text: str) -> "Restyle":
        """Return the edit that a text describes."""
        found = _match(r"(\d{1,6}|background|all)(?::(\d{1,19}))?", text, cls.SYNTAX)
        return cls(found[1], (int(found[2]),) if found[2] else ())

    def __call__(self, scene: Scene) -> Scene:
        """Return the scene restyled; raises ValueError where the model has no such style."""
        chosen = self._codes(scene)
        styles = [
            Style(*(self.seeds or ((style.seed + 1) % MAX_SEED,)), code)
            if code in chosen
            else style
            for code, style in enumerate(scene.styles)
        ]
        return replace(scene, styles=tuple(styles))

    def _codes(self, scene: Scene) -> range:
        num_codes = len(scene.styles)
        if self.of == "all":
            return range(num_codes)
        if self.of == "background":
            return range(1)
        moves.where_object(scene.layout, int(self.of))
        if num_codes == 1:
            raise ValueError(
                "this model has one style for the whole image: restyle all, or use a model with SEL_indoor"
            )
        return range(1 + int(self.of), 2 + int(self.of))


def _first_center(layout: Layout, where: moves.Where) -> tuple[float, float]:
    """Return the center of the first chosen sub-heatmap."""
    centers = [level.centers[0, chosen] for level, chosen in zip(layout.levels, where, strict=True)]
    y, x = next(level[0] for level in centers if len(level)).tolist()
    return y, x


def _free_object(level: Gaussians, taken: int) -> int:
    """Return the object that a copy may replace: a removed one, or else the farthest outside the image."""
    reach = level.centers[0].abs().amax(dim=-1)
    reach[level.presence[0] == 0] = 2 * CENTER_LIMIT
    reach[taken] = 0.0
    free = int(reach.argmax())
    if reach[free] <= 1:
        raise ValueError(
            f"all {len(reach)} objects of this model are in the image: remove one for the copy"
        )
    return free


def parse_edit(name: str, text: str) -> Any:
    """Return the edit `name` that a text describes; raises ValueError that names both."""
    edit = choose(EDITS, "edit", name)
    try:
        return edit.parse(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def apply_edit(scene: Scene, edit: Any) -> Scene:
    """Return the edited scene; raises ValueError, naming the edit, where the scene can't be edited so."""
    try:
        return edit(scene)
    except ValueError as error:
        name = next(key for key, cls in EDITS.items() if type(edit) is cls)
        raise ValueError(f"{name}: {error}") from None


EDITS = {
    "move": Move,
    "place": Place,
    "resize": Resize,
    "remove": Remove,
    "copy": Copy,
    "restyle": Restyle,
}
