"""How an edit's text names its object, and its numbers.

An address is of an object, `1`, or of a single sub-heatmap, `2/1`: sub-heatmap 1 of level 2.
"""

import re

from spatialgan.heatmaps import moves
from spatialgan.heatmaps.layout import Layout
from spatialgan.scenes import checks

WHAT = r"(?P<what>\d{1,6}|\d{1,6}/\d{1,6})"
NUMBER = r"[-+]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})"
PAIR = rf"(?P<y>{NUMBER}),(?P<x>{NUMBER})"


def where_of(what: int | str, layout: Layout) -> moves.Where:
    """Return the sub-heatmaps that 1 or "1" (an object) or "2/1" (level/index) names.

    Raises ValueError for anything else, and if the layout has no such sub-heatmap.
    """
    if isinstance(what, str):
        if re.fullmatch(WHAT, what) is None:
            raise ValueError(
                f"'{what[:40]}' names neither an object, such as 1, nor a sub-heatmap, such as 2/1"
            )
        level, slash, index = what.partition("/")
        if slash:
            return moves.where_part(layout, int(level), int(index))
        return moves.where_object(layout, int(level))
    return moves.where_object(layout, checks.whole_number("the object", what))


def match_text(pattern: str, text: str, syntax: str) -> re.Match[str]:
    """Return the match of the whole text; raises ValueError, showing the syntax, if it doesn't match."""
    found = re.fullmatch(pattern, text)
    if found is None:
        raise ValueError(f"'{text[:40]}' is not of the form {syntax}")
    return found


def first_center(layout: Layout, where: moves.Where) -> tuple[float, float]:
    """Return the center of the first chosen sub-heatmap."""
    levels = [moves.gaussians(level) for level in layout.levels]
    centers = [level.centers[0, chosen] for level, chosen in zip(levels, where, strict=True)]
    y, x = next(level[0] for level in centers if len(level)).tolist()
    return y, x
