"""Per-class rows under a table: the Co-move Ratio of each class of objects, and how many there were."""

import pandas as pd

from spatialgan.params import Params
from spatialgan.reporting.results import Result
from spatialgan.reporting.section import NOT_APPLICABLE


def class_frame(params: Params, section: dict, results: list[Result]) -> pd.DataFrame:
    """Return classes by rows of the section as text: ratio over all seeds (number of moved objects).

    Most frequent classes first. Empty where no result knows of classes.
    """
    rows = [row for row in section["rows"] if any(r.classes for r in results if r.row == row)]
    counts: dict[str, int] = {}
    for result in results:
        for name, found in result.classes.items():
            counts[name] = counts.get(name, 0) + found["objects"]  # pyright: ignore[reportArgumentType]
    names = sorted(counts, key=lambda name: (-counts[name], name))
    data = {"class": names}
    for row in rows:
        of_row = [result.classes for result in results if result.row == row]
        data[params.rows[row]["title"]] = [
            _cell([classes[name] for classes in of_row if name in classes]) for name in names
        ]
    return pd.DataFrame(data)


def _cell(found: list[dict]) -> str:
    """Return the mean score over the matched objects of all seeds, and the number of objects."""
    matched = sum(one["matched"] for one in found)
    total = sum(one["comove"] * one["matched"] for one in found if one["matched"])
    ratio = f"{total / matched:.2f}" if matched else NOT_APPLICABLE
    return f"{ratio} ({sum(one['objects'] for one in found):,})"
