"""Fidelity over trainings: FID (on a logarithmic axis), precision and recall against kimg, from what was measured."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from spatialgan.records import read_sealed
from spatialgan.reporting.curves import X_COLUMN, Series, draw_panels, series_label
from spatialgan.settings.params import Params
from spatialgan.settings.shapes import HISTORY, check_record

MEASURE = "history"
COLUMNS = ("fid", "precision", "recall")


def compare_histories(params: Params, item: dict, profile: str) -> Figure:
    """Return the histories of the rows of an entry of figures.yaml, all seeds, one color per row.

    Raises ValueError if no run has one yet, or a record is damaged.
    """
    series, names = [], {}
    for run in params.runs(item, profile):
        path = params.results(profile).metric(run, MEASURE)
        if path.is_file():
            record = read_sealed(path)
            check_record(path, record, HISTORY)
            frame = pd.DataFrame(record["history"], columns=[X_COLUMN, *COLUMNS])
            series.append(Series(series_label(params, item, profile, run), frame))
            names = record["metric_ids"]  # of one profile, so the same for all runs
    if not series:
        run = params.runs(item, profile)[0]
        raise ValueError(
            f"no run of this figure has a history yet: spatialgan measure {run} --what {MEASURE}"
        )
    labels = {one.label for one in series}
    title = f"{item['title']}: {labels.pop()}" if len(labels) == 1 else item["title"]
    figure = draw_panels(series, title)
    for axis, column in zip(figure.axes, COLUMNS, strict=False):
        axis.set_title(names[column], fontsize=10, parse_math=False)
    figure.axes[0].set_yscale("log")
    for ticks in (
        figure.axes[0].yaxis.set_major_formatter,
        figure.axes[0].yaxis.set_minor_formatter,
    ):
        ticks(ScalarFormatter())
    return figure
