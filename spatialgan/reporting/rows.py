"""Sections with a line per row: the mean over seeds of what we measured, next to the paper's number."""

import statistics

import pandas as pd

from spatialgan.reporting.columns import Column, columns_of
from spatialgan.reporting.groups import group_frame
from spatialgan.reporting.orderings import CAPTION, ordering_frame
from spatialgan.reporting.results import Result
from spatialgan.reporting.section import Part, Section
from spatialgan.reporting.segmenters import segmenter_frame
from spatialgan.settings.params import Params

GROUP_CELLS = (
    "the Co-move Ratio of all seeds' matched objects (how many were moved), without those seeds of which "
    "too few were."
)
GROUPS = {  # kinds of groups in a record: what stands above them, and the order of their lines
    "classes": ("By class of the moved object", "most"),
    "objects_in_frame": ("By number of objects whose centers are in the frame", "name"),
}
SEGMENTER_LINE = (
    "Who looked: masks on scenes that neither learned from, and what the training took."
)


def show_rows(params: Params, section: dict, profile: str, results: list[Result]) -> Section:
    """Return a section of tables.yaml with a line per row, and what goes below it."""
    columns = columns_of(params, section, profile, results)
    additions = []
    by_segmenter = segmenter_frame(params, section, profile, results)
    if len(by_segmenter) > 0:
        additions.append(Part(SEGMENTER_LINE, by_segmenter))
    orderings = ordering_frame(params, section, columns)
    if len(orderings) > 0:
        additions.insert(0, Part(CAPTION, orderings))
    return Section(
        tables=[Part("", cell_frame(params, section, columns))],
        numbers=_means(section, columns),
        lines=_long_frame(params, section, columns),
        seeds=_over_seeds(params.profile(profile)["seeds"], results),
        additions=[*additions, *_by_group(params, section, results)],
    )


def cell_frame(params: Params, section: dict, columns: list[Column]) -> pd.DataFrame:
    """Return the cells: a line per row, ours and the paper's per data set and metric.

    The paper's numbers are next to the metric they belong to.
    """
    several = len({column.dataset for column in columns}) > 1
    data: dict[str, list[str]] = {"": [params.rows[row]["title"] for row in section["rows"]]}
    for column in columns:
        prefix = f"{column.dataset}: " if several else ""
        data[f"{prefix}{column.label} {column.arrow}"] = [
            column.cell(row) for row in section["rows"]
        ]
        if column.papers:
            title = f"{prefix}paper's {params.metrics[column.metric]['title']} {column.arrow}"
            data[title] = [column.paper(row) for row in section["rows"]]
    return pd.DataFrame(data)


def _by_group(params: Params, section: dict, results: list[Result]) -> list[Part]:
    """Return the rows by group of objects, once by each segmenter; nothing where no result has groups."""
    parts = []
    for file in dict.fromkeys(result.file for result in results if result.groups):
        chosen = [result for result in results if result.file == file]
        named = chosen[0].protocol.get("segmenter", "unknown")
        by = f" by {named}" if "segmenters" in section else ""
        for kind, (heading, order) in GROUPS.items():
            frame = group_frame(params, section, chosen, kind, order)
            if len(frame) > 0:
                parts.append(Part(f"{heading}{by}: {GROUP_CELLS}", frame))
    return parts


def _over_seeds(seeds: list[int], results: list[Result]) -> list[str]:
    if len(seeds) == 1:
        parts = ["one training per cell: nothing here is a claim about a method"]
        if any(result.intervals for result in results):
            parts.append("in brackets the 95 % interval, had other samples of it been drawn")
        return parts
    parts = ["mean ± standard deviation over trainings"]
    if any(result.intervals for result in results):
        parts.append("in brackets the 95 % interval of the mean over trainings (Student's)")
    return parts


def _means(section: dict, columns: list[Column]) -> dict:
    """Return the mean in every cell, under data set, row and metric."""
    means: dict = {}
    for column in columns:
        for row in section["rows"]:
            values = column.values(row)
            if values:
                cells = means.setdefault(column.dataset, {}).setdefault(row, {})
                cells[column.label] = statistics.fmean(values)
    return means


def _long_frame(params: Params, section: dict, columns: list[Column]) -> pd.DataFrame:
    """Return every number of the section, one per line."""
    lines = []
    for row in section["rows"]:
        for column in columns:
            values = column.values(row)
            low, high = column.interval(row) or (None, None)
            lines.append(
                {
                    "row": row,
                    "title": params.rows[row]["title"],
                    "dataset": column.dataset,
                    "metric": column.label,
                    "mean": statistics.fmean(values) if values else None,
                    "std": statistics.stdev(values) if len(values) > 1 else None,
                    "low95": low,
                    "high95": high,
                    "num_seeds": len(values),
                    "paper": column.papers.get(row),
                }
            )
    return pd.DataFrame(lines)
