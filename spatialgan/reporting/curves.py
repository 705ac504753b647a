"""Training curves: one panel per column of curves.csv, one line per run.

Colors are Okabe and Ito's, which color-blind people tell apart; where they run out, line styles change.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spatialgan.params import Params
from spatialgan.reporting.figures import save_figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", ":")
PANELS_PER_LINE = 3
X_COLUMN = "kimg"


@dataclass(frozen=True)
class Series:
    """The curves of one run."""

    label: str  # runs of one label share a color and one legend entry
    frame: pd.DataFrame  # columns of curves.csv


def write_curves(params: Params, run: str, profile: str) -> Path:
    """Draw the curves of a finished run, and return the picture's path; raises ValueError where there are none."""
    files = params.results(profile).run(run)
    if not files.curves.is_file():
        raise ValueError(f"{files.curves} does not exist: train {run} first")
    frame = pd.read_csv(files.curves)
    return save_figure(draw_panels([Series(run, frame)], run), files.curves_figure)


def compare_curves(params: Params, item: dict, profile: str) -> Figure:
    """Return the curves of the rows of an entry of figures.yaml, all seeds, one color per row.

    Labels name the data set where there are several. Raises ValueError if no run has curves yet.
    """
    several = len(params.columns(item, profile)) > 1
    series = []
    for run in params.runs(item, profile):
        dataset, row, _ = run.split("/")
        title = params.rows[row]["title"]
        path = params.results(profile).run(run).curves
        if path.is_file():
            series.append(Series(f"{dataset}: {title}" if several else title, pd.read_csv(path)))
    if not series:
        raise ValueError(
            f"no run of this figure has curves yet: train {params.runs(item, profile)[0]} first"
        )
    return draw_panels(series, item["title"])


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
    figure.suptitle(title)
    axes = list(figure.subplots(num_lines, PANELS_PER_LINE, squeeze=False).flat)
    for axis, name in zip(axes, columns, strict=False):
        for one in series:
            if name in one.frame:
                _draw_line(axis, one, name, labels.index(one.label))
        axis.set_title(name.replace("_", " "), fontsize=10)
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
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(4, len(labels)), frameon=False
    )


def _look(index: int) -> dict[str, Any]:
    style = STYLES[index // len(COLORS) % len(STYLES)]
    return {"color": COLORS[index % len(COLORS)], "linestyle": style}
