"""Sections that compare ways to change a region (measure local_control): tables per model, with a line per way.

First come, per level of change, the ratios by region: medians over all images of the ways that were tried on all of
them, then medians of all ways over the few images that slow ways were tried on too. A cell is never of other images
than its neighbors. The last table says what each way costs and what else it does, in its own region at the largest level.
The section's first metric is the ratio; the others are columns of the last table.
"""

import statistics
from collections.abc import Iterator, Sequence

import pandas as pd

from spatialgan.reporting.methods import SUMMARIES
from spatialgan.reporting.results import Result
from spatialgan.reporting.section import NOT_RUN, Part, Section
from spatialgan.reporting.trainings import mean_interval
from spatialgan.settings.params import Params

FILE = "local_control"
FEW = "few_"  # before the names of numbers over the images of slow ways
MOVE = "move"  # the way that the Co-move Ratio is about
DISCS = ("disc", "discs")  # regions that a way is judged by where it has them
HEAD = ("dataset", "row", "region", "method", "level")
READING = (
    "Ratios: mean squared change of the pixels inside over that outside. Median over images that reach the change [95 % "
    "interval, had other images been drawn], their mean, and the share of images that reach it if not all do. Of several "
    "trainings: mean of the medians ± standard deviation [95 % interval of the mean over trainings (Student's)], mean of the "
    "means.",
    "Regions: left is the left half, center the middle quarter; disc is where the heatmap of the object to try has at least "
    "half its peak, discs that before and after a move.",
    "Each table is of one generator. A LinkGAN, its twin without links (the baseline) and SpatialGAN are different "
    "generators: compare ways within a table. What serves every image is found once, the rest anew for each.",
)


def show_edits(params: Params, section: dict, profile: str, results: list[Result]) -> Section:
    """Return a section of tables.yaml with tables for each model, and in them a line per way.

    Raises ValueError, naming the run, if a record has none of the section's numbers.
    """
    tables, remarks, numbers, lines = [], [], {}, []
    for dataset, row in dict.fromkeys((r.dataset, r.row) for r in results):
        mine = [r for r in results if (r.dataset, r.row) == (dataset, row)]
        model = Model(params, section, mine)
        if not model.measured:
            continue
        title = f"{dataset}, {params.rows[row]['title']}"
        tables += [Part(f"{title}: {part.caption}", part.frame) for part in model.parts()]
        remarks += [f"{title}: {remark}" for remark in model.remarks()]
        numbers.setdefault(dataset, {})[row] = model.numbers()
        lines += model.lines()
    return Section(
        tables=tables,
        numbers=numbers,
        lines=pd.DataFrame(lines),
        seeds=["medians are of one training each"],
        remarks=remarks,
        reading=[*READING, *(_reading(params.metrics[name]) for name in section["metrics"][1:])],
    )


class Model:
    """The results of one row's trainings."""

    def __init__(self, params: Params, section: dict, results: list[Result]) -> None:
        self._section, self._results = section, results
        self._styles = {name: params.metrics[name] for name in section["metrics"]}
        self.measured = [result for result in results if result.file == FILE]
        self._groups = [(r, group) for r in self.measured for group in r.edits]
        for result, group in self._groups:
            for name, style in self._styles.items():
                if name == section["metrics"][0] or "summary" in style:
                    _check(result, group, name)
        self._regions = list(dict.fromkeys(group["region"] for _, group in self._groups))
        self._levels = sorted({group["level"] for _, group in self._groups})
        tried = {group["method"] for _, group in self._groups}
        self._methods = {k: v["title"] for k, v in section["methods"].items() if k in tried}

    def parts(self) -> Iterator[Part]:
        """Yield the tables."""
        images = {method: self._images(method) for method in self._methods}
        most, fewest = max(images.values()), min(images.values())
        fast = [method for method in self._methods if images[method] == most]
        for level in self._levels:
            text = f"ratio at a change of {level:g} inside"
            yield Part(f"{text}, {most} images", self._ratios(fast, level, ""))
            if fewest < most:
                few = self._ratios(list(self._methods), level, FEW)
                yield Part(f"{text}, the first {fewest} of these images, all ways", few)
        yield Part(f"costs, and what else a change of {self._levels[-1]:g} does", self._costs())

    def remarks(self) -> Iterator[str]:
        """Yield sentences about the model."""
        known = [
            r.metrics["identity_of_strangers"]
            for r in self.measured
            if "identity_of_strangers" in r.metrics
        ]
        if known:
            yield f"the identity of two of its images drawn at random is {statistics.fmean(known):.3f} on average: the floor"

    def numbers(self) -> dict:
        """Return what the cells summarize, by region, method and level."""
        found: dict = {}
        for _, group in self._groups:
            if group["method"] not in self._methods:
                continue
            at = found.setdefault(group["region"], {}).setdefault(group["method"], {})
            values = self._ratio_values(group["method"], group["region"], group["level"], "")
            ratio = {self._section["metrics"][0]: statistics.fmean(values)} if values else {}
            lists = {
                name: _known(group[name]) for name, s in self._styles.items() if "summary" in s
            }
            at[f"{group['level']:g}"] = ratio | {
                name: SUMMARIES[self._styles[name]["summary"]].number(known)
                for name, known in lists.items()
                if known
            }
        return found

    def lines(self) -> Iterator[dict]:
        """Yield a line per image."""
        names = [name for name, s in self._styles.items() if "summary" in s]
        names.insert(0, self._section["metrics"][0])
        for result, group in self._groups:
            if group["method"] in self._methods:
                head = {"dataset": result.dataset, "row": result.row}
                head |= {name: group[name] for name in HEAD[2:]}
                for values in zip(*(group[name] for name in names), strict=True):
                    yield head | dict(zip(names, values, strict=True))

    def _images(self, method: str) -> int:
        return max(len(g["edit_ratio"]) for _, g in self._groups if g["method"] == method)

    def _ratios(self, methods: Sequence[str], level: float, prefix: str) -> pd.DataFrame:
        lines = []
        for method in methods:
            cells = {r: self._ratio(method, r, level, prefix) for r in self._regions}
            lines.append({"way": self._methods[method], **cells})
        return pd.DataFrame(lines)

    def _ratio_values(self, method: str, region: str, level: float, prefix: str) -> list[float]:
        name = f"{prefix}{method}_{region}_{round(100 * level)}"
        return [r.metrics[name] for r in self.measured if name in r.metrics]

    def _ratio(self, method: str, region: str, level: float, prefix: str) -> str:
        """Return a cell, such as "27.2 [20.1, 33.0], 41.2; 74 %"."""
        name = f"{prefix}{method}_{region}_{round(100 * level)}"
        shares = [
            r.metrics[f"{name}_reached"] for r in self.measured if f"{name}_reached" in r.metrics
        ]
        values = self._ratio_values(method, region, level, prefix)
        if not values:
            return "never reached" if shares else NOT_RUN
        text = self._number(statistics.fmean(values))
        ends = mean_interval(values)
        if ends is None:
            own = [r.intervals[name] for r in self.measured if name in r.intervals]
            ends = (own[0]["low"], own[0]["high"]) if own else None
        else:
            text += f" ± {self._number(statistics.stdev(values))}"
        if ends is not None:
            text += f" [{', '.join(map(self._number, ends))}]"
        means = [r.metrics[f"{name}_mean"] for r in self.measured if f"{name}_mean" in r.metrics]
        text += f", {self._number(statistics.fmean(means))}" if means else ""
        share = statistics.fmean(shares)
        return text if share == 1 else f"{text}; {share:.0%}"

    def _number(self, value: float) -> str:
        cap = self.measured[0].protocol.get("ratio_cap", float("inf"))
        digits = self._styles[self._section["metrics"][0]]["digits"]
        return f"≥{cap:g}" if value >= cap else f"{value:.{digits}f}"

    def _costs(self) -> pd.DataFrame:
        lines = []
        for method, title in self._methods.items():
            region = self._own_region(method)
            found = [
                group
                for _, group in self._groups
                if (group["method"], group["region"], group["level"])
                == (method, region, self._levels[-1])
            ]
            line = {"way": title, "region": region}
            line |= {name: found[0].get(name, NOT_RUN) for name in ("needs", "serves")}
            for name, style in list(self._styles.items())[1:]:
                line[style["title"]] = self._cost(method, name, found)
            lines.append(line)
        return pd.DataFrame(lines)

    def _own_region(self, method: str) -> str:
        mine = dict.fromkeys(g["region"] for _, g in self._groups if g["method"] == method)
        return next((name for name in DISCS if name in mine), next(iter(mine)))

    def _cost(self, method: str, name: str, groups: Sequence[dict]) -> str:
        style = self._styles[name]
        if "summary" in style:
            values = [value for group in groups for value in _known(group[name])]
            return SUMMARIES[style["summary"]].text(values, style["digits"])
        key = f"{method}_fid" if style["file"] == FILE else name
        if style["file"] != FILE and method != MOVE:
            return NOT_RUN
        values = [
            r.metrics[key] for r in self._results if r.file == style["file"] and key in r.metrics
        ]
        if not values:
            return NOT_RUN
        text = f"{statistics.fmean(values):.{style['digits']}f}"
        images = [r.metrics.get(f"{key}_images") for r in self.measured]
        return f"{text} (n = {images[0]:g})" if images[0] and style["file"] == FILE else text


def _check(result: Result, group: dict, name: str) -> None:
    if not isinstance(group.get(name), list):
        raise ValueError(
            f"{result.run} ({result.file}) has no {name} of its images: measure it again"
        )


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _reading(style: dict) -> str:
    """Return how the cells of a metric are to be read."""
    how = SUMMARIES[style["summary"]].reading if "summary" in style else "one number per training"
    return f"{style['title']}: {how}{'; ' + style['meaning'] if 'meaning' in style else ''}."
