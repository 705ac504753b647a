"""Lines under a table by group of moved objects, such as their class: the Co-move Ratio and how many there were."""

import pandas as pd

from spatialgan.reporting.results import Result
from spatialgan.reporting.section import NOT_APPLICABLE
from spatialgan.settings.params import Params


def group_frame(
    params: Params,
    section: dict,
    results: list[Result],
    kind: str,
    order: str,
) -> pd.DataFrame:
    """Return groups of a kind by rows of the section as text: ratio over all seeds (number of moved objects).

    With the order "most", groups of most objects come first; with "name" they are in the order of their names. Empty where no result has such groups.
    """
    chosen = [result for result in results if result.groups.get(kind)]
    rows = [row for row in section["rows"] if any(r.row == row for r in chosen)]
    counts: dict[str, float] = {}
    for result in chosen:
        for name, found in result.groups[kind].items():
            counts[name] = counts.get(name, 0) + found["objects"]
    names = sorted(counts, key=lambda name: (-counts[name] if order == "most" else 0, name))
    data = {kind.replace("_", " "): names}
    for row in rows:
        of_row = [result.groups[kind] for result in chosen if result.row == row]
        data[params.rows[row]["title"]] = [
            _cell([groups[name] for groups in of_row if name in groups]) for name in names
        ]
    return pd.DataFrame(data)


def _cell(found: list[dict]) -> str:
    """Return the mean score over the matched objects of all seeds, and the number of objects."""
    known = [one for one in found if "comove" in one]
    matched = sum(one["matched"] for one in known)
    total = sum(one["comove"] * one["matched"] for one in known)
    ratio = f"{total / matched:.2f}" if matched else NOT_APPLICABLE
    return f"{ratio} ({sum(one['objects'] for one in found):,})"
