"""Which orderings of the paper a section shows: each pair of neighboring rows, and the first against the last.

Rows without a number of the paper's, or that haven't been run, are passed over.
An ordering is shown, or reversed, where the interval of the difference over trainings excludes 0; else it is not shown.
A row whose trainings have not learned is not ranked at all: a metric of params/tables.yaml with `least` says what a row
must have reached.
"""

import statistics
from collections.abc import Iterator

import pandas as pd

from spatialgan.reporting.columns import Column
from spatialgan.reporting.trainings import LEVEL, Comparison, compare
from spatialgan.settings.params import Params

CAPTION = (
    f"The paper's orderings, here: difference of means over trainings [its {100 * LEVEL:.0f} % interval], "
    f"Welch's p. Shown or reversed: the interval excludes 0."
)


def ordering_frame(params: Params, section: dict, columns: list[Column]) -> pd.DataFrame:
    """Return a line per ordering of the paper whose rows have been run, as text."""
    return pd.DataFrame(_lines(params, section, columns))


def verdict(found: Comparison, paper: float) -> str:
    """Return what a comparison says about the sign of the paper's difference."""
    if found.low <= 0 <= found.high:
        return "not shown"
    return "shown" if found.difference * paper > 0 else "reversed"


def _lines(params: Params, section: dict, columns: list[Column]) -> Iterator[dict]:
    several = len({column.dataset for column in columns}) > 1
    for column in columns:
        known = {
            row: number
            for row, number in column.papers.items()
            if isinstance(number, int | float) and column.values(row)
        }
        for one, other in _pairs([row for row in section["rows"] if row in known]):
            titles = [params.rows[row]["title"] for row in (other, one)]
            prefix = f"{column.dataset}: " if several else ""
            paper = known[other] - known[one]
            digits = column.style["digits"]
            yield {
                "": f"{prefix}{titles[0]} minus {titles[1]}",
                "metric": column.label,
                "paper": f"{paper:+.{digits}f}",
                **_cells(column, one, other, paper, columns),
            }


def _pairs(rows: list[str]) -> list[tuple[str, str]]:
    pairs = list(zip(rows, rows[1:], strict=False))
    return [*pairs, (rows[0], rows[-1])] if len(rows) > 2 else pairs


def _cells(column: Column, one: str, other: str, paper: float, columns: list[Column]) -> dict:
    """Return the cells of one ordering: what was found, and what that says."""
    values = [column.values(row) for row in (other, one)]
    digits = column.style["digits"]
    found = compare(values[0], values[1])
    difference = statistics.fmean(values[0]) - statistics.fmean(values[1])
    here, p = f"{difference:+.{digits}f}", "-"
    if found is not None:
        here += f" [{found.low:+.{digits}f}, {found.high:+.{digits}f}]"
        p = f"{found.p:.3f}" if found.p >= 0.001 else "< 0.001"
    reason = _not_ranked(columns, column.dataset, (one, other))
    if reason:
        return {"here": here, "p": p, "verdict": f"not ranked: {reason}"}
    if found is None:
        return {"here": here, "p": p, "verdict": "undecided: one training"}
    return {"here": here, "p": p, "verdict": verdict(found, paper)}


def _not_ranked(columns: list[Column], dataset: str, rows: tuple[str, str]) -> str:
    """Return why these rows can't be ranked: what one of them has not reached; "" where they can."""
    for column in columns:
        least = column.style.get("least")
        if column.dataset != dataset or least is None:
            continue
        means = [statistics.fmean(column.values(row)) for row in rows if column.values(row)]
        if means and min(means) < least:
            return f"{column.style['title']} {min(means):.{column.style['digits']}f}, learned is {least:g}"
    return ""
