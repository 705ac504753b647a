"""Columns of a table: one metric on one data set, its cells over seeds, and the paper's own numbers.

"-" means that a run has not been made, or that the paper has no number; "N/A" that a run was measured but
the metric does not apply to it, such as the Co-move Ratio of a generator without heatmaps.
"""

import statistics
from dataclasses import dataclass

from spatialgan.reporting.results import Result
from spatialgan.reporting.section import NOT_APPLICABLE, NOT_RUN
from spatialgan.reporting.trainings import mean_interval
from spatialgan.settings.params import Params

ARROWS = {"lower": "↓", "higher": "↑", "zero": "→ 0"}


@dataclass(frozen=True)
class Column:
    """One metric on one data set."""

    dataset: str
    metric: str  # a key of params.metrics
    style: dict  # its entry there
    results: list[Result]
    papers: dict[str, float | str]  # the paper's own numbers by row; empty beside most columns

    @property
    def label(self) -> str:
        """Return the metric's id, which says with what and on how many images it was measured."""
        mine = [r.metric_ids for r in self.results if r.file == self.style["file"]]
        ids = [named[self.metric] for named in mine if self.metric in named]
        return ids[0] if ids and ids[0] != self.metric else self.style["title"]

    @property
    def arrow(self) -> str:
        """Return which way is better."""
        return ARROWS[self.style["better"]]

    def values(self, row: str) -> list[float]:
        """Return the values of a row, one per seed."""
        chosen = self._measured(row)
        return [r.metrics[self.metric] for r in chosen if self.metric in r.metrics]

    def interval(self, row: str) -> tuple[float, float] | None:
        """Return the 95 % confidence interval of a row's mean, None for metrics without.

        Of several trainings it is that of the mean over trainings; of one, that of its measurement, had
        other samples been drawn.
        """
        if not self.style.get("interval", False):
            return None
        values = self.values(row)
        if len(values) > 1:
            return mean_interval(values)
        own = [r.intervals[self.metric] for r in self._measured(row) if self.metric in r.intervals]
        return (own[0]["low"], own[0]["high"]) if own else None

    def cell(self, row: str) -> str:
        """Return mean ± standard deviation over seeds [ends of the 95 % interval], or a word."""
        values = self.values(row)
        if not values:
            return NOT_APPLICABLE if self._measured(row) else NOT_RUN
        text = self._number(statistics.fmean(values))
        if len(values) > 1:
            text += f" ± {self._number(statistics.stdev(values))}"
        ends = self.interval(row)
        return text if ends is None else f"{text} [{', '.join(map(self._number, ends))}]"

    def paper(self, row: str) -> str:
        """Return the paper's number of a row, or a word."""
        number = self.papers.get(row, NOT_RUN)
        return number if isinstance(number, str) else self._number(number)

    def _measured(self, row: str) -> list[Result]:
        """Return the results of a row in the file that holds the metric."""
        file = self.style["file"]
        return [r for r in self.results if (r.row, r.dataset, r.file) == (row, self.dataset, file)]

    def _number(self, value: float) -> str:
        return f"{value:.{self.style['digits']}f}"


def columns_of(params: Params, section: dict, profile: str, results: list[Result]) -> list[Column]:
    """Return the columns of a table's section; the paper's numbers are of its first metric."""
    columns = []
    for dataset in params.columns(section, profile):
        for place, (metric, style) in enumerate(params.measures(section, profile)):
            papers = papers_of(section, dataset) if place == 0 else {}
            columns.append(Column(dataset, metric, style, results, papers))
    return columns


def papers_of(section: dict, dataset: str) -> dict[str, float | str]:
    """Return the paper's numbers on a data set by row, without the rows for which it has none."""
    return {row: known[dataset] for row, known in section["rows"].items() if dataset in known}
