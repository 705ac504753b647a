"""Fidelity over trainings: FID (on a logarithmic axis), precision and recall against kimg, from what was measured."""

import pandas as pd
from matplotlib.figure import Figure

from spatialgan.params import Params
from spatialgan.records import read_sealed
from spatialgan.reporting.curves import X_COLUMN, Series, draw_panels, series_label
from spatialgan.shapes import HISTORY, check_record

MEASURE = "history"
COLUMNS = ("fid", "precision", "recall")


def compare_histories(params: Params, item: dict, profile: str) -> Figure:
    """Return the histories of the rows of an entry of figures.yaml, all seeds, one color per row.

    Raises ValueError if no run has one yet, or a record is damaged.
    """
    series = []
    for run in params.runs(item, profile):
        path = params.results(profile).metric(run, MEASURE)
        if path.is_file():
            record = read_sealed(path)
            check_record(path, record, HISTORY)
            frame = pd.DataFrame(record["history"], columns=[X_COLUMN, *COLUMNS])
            series.append(Series(series_label(params, item, profile, run), frame))
    if not series:
        run = params.runs(item, profile)[0]
        raise ValueError(
            f"no run of this figure has a history yet: spatialgan measure {run} --what {MEASURE}"
        )
    figure = draw_panels(series, item["title"])
    figure.axes[0].set_yscale("log")
    return figure
