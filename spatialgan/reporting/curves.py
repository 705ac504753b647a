"""Training curves: one panel per column of curves.csv, one line per run.

Colors are Okabe and Ito's, which color-blind people tell apart; where they run out, line styles change.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialgan.documents import read_text
from spatialgan.reporting.figures import save_figure
from spatialgan.settings.params import Params
from spatialgan.variants import shown

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", ":")
PANELS_PER_LINE = 3
X_COLUMN = "kimg"
MAX_BYTES, MAX_COLUMNS = 10_000_000, 60
LARGEST = 1e30


@dataclass(frozen=True)
class Series:
    """The curves of one run."""

    label: str  # runs of one label share a color and one legend entry
    frame: pd.DataFrame  # columns of curves.csv


def write_curves(params: Params, run: str, profile: str) -> Path:
    """Draw the curves of a finished run, and return the picture's path; raises ValueError if it has none."""
    files = params.results(profile).run(run)
    if not files.curves.is_file():
        raise ValueError(f"{files.curves} does not exist: train {run} first")
    frame = read_curves(files.curves)
    return save_figure(draw_panels([Series(run, frame)], run), files.curves_figure)


def read_curves(path: Path) -> pd.DataFrame:
    """Return a table of curves: numbers, NaN where a cell is empty.

    Raises ValueError, in one line that names file and place, for anything that is not such a table.
    """
    lines = [line for line in read_text(path, MAX_BYTES).splitlines() if line]
    names = lines[0].split(",") if lines else []
    if X_COLUMN not in names or len(set(names)) < len(names) or len(names) > MAX_COLUMNS:
        raise ValueError(f"{path}: the first line is no list of columns with {X_COLUMN} in it")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split(",")
        if len(cells) != len(names):
            raise ValueError(f"{path}: line {number} has {len(cells)} cells, not {len(names)}")
        rows.append([_number(path, number, cell) for cell in cells])
    return pd.DataFrame(rows, columns=names, dtype=float)


def _number(path: Path, line: int, cell: str) -> float:
    try:
        found = float(cell or "nan")
    except ValueError:
        found = math.inf
    if abs(found) > LARGEST:
        raise ValueError(f"{path}: line {line}: {shown(cell)} is no number that can be drawn")
    return found


def compare_curves(params: Params, item: dict, profile: str) -> Figure:
    """Return the curves of the rows of an entry of figures.yaml, all seeds, one color per row.

    Labels name the data set where there are several. Raises ValueError if no run has curves yet.
    """
    series = []
    for run in params.runs(item, profile):
        path = params.results(profile).run(run).curves
        if path.is_file():
            series.append(Series(series_label(params, item, profile, run), read_curves(path)))
    if not series:
        raise ValueError(
            f"no run of this figure has curves yet: train {params.runs(item, profile)[0]} first"
        )
    return draw_panels(series, item["title"])


def series_label(params: Params, item: dict, profile: str, run: str) -> str:
    """Return the label of a run in a figure of several."""
    dataset, row, _ = run.split("/")
    title = params.rows[row]["title"]
    return f"{dataset}: {title}" if len(params.columns(item, profile)) > 1 else title


def draw_panels(series: list[Series], title: str) -> Figure:
    """Return a figure with one panel for every column in which some run has a number."""
    columns = [
        name
        for name in dict.fromkeys(name for s in series for name in s.frame.columns)
        if name != X_COLUMN and any(name in s.frame and s.frame[name].notna().any() for s in series)
    ]
    labels = list(dict.fromkeys(s.label for s in series))
    num_lines = max(1, -(-len(columns) // PANELS_PER_LINE))
    figure = Figure(figsize=(10, 2.3 * num_lines + 0.9), dpi=110, layout="constrained")
    figure.suptitle(title, parse_math=False)  # as all texts here: a $ is a $
    axes = list(figure.subplots(num_lines, PANELS_PER_LINE, squeeze=False).flat)
    for axis, name in zip(axes, columns, strict=False):
        for one in series:
            if name in one.frame:
                _draw_line(axis, one, name, labels.index(one.label))
        axis.set_title(name.replace("_", " "), fontsize=10, parse_math=False)
        axis.set_xlabel(X_COLUMN, fontsize=9)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.01)
    for axis in axes[len(columns) :]:
        axis.set_axis_off()
    if len(labels) > 1:
        _draw_legend(figure, labels)
    return figure


def _draw_line(axis: Axes, series: Series, name: str, index: int) -> None:
    points = series.frame[[X_COLUMN, name]].dropna()  # rows without an observation leave no gap
    marker = "o" if len(points) == 1 else ""
    axis.plot(points[X_COLUMN], points[name], marker=marker, linewidth=1.2, **_look(index))


def _draw_legend(figure: Figure, labels: list[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=label, **_look(i)) for i, label in enumerate(labels)]
    legend = figure.legend(
        handles=handles, loc="outside lower center", ncols=min(4, len(labels)), frameon=False
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _look(index: int) -> dict[str, Any]:
    style = STYLES[index // len(COLORS) % len(STYLES)]
    return {"color": COLORS[index % len(COLORS)], "linestyle": style}
