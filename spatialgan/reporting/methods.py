"""Sections with a line per row and method: trials of several methods on the same model [paper, Tab. II].

The records hold a number per trial, and the trials of all seeds of a row count together. A metric's `summary` says
what a cell makes of them, a key of SUMMARIES. Times are of the machine that measured; only their ratios compare.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from spatialgan.reporting.results import Result
from spatialgan.reporting.section import NOT_RUN, Part, Section
from spatialgan.settings.params import Params

DRAGGAN, JUMP, HYBRID = "latent", "coarse", "coarse+latent+centers"
Z = 1.96  # standard errors of a 95 % interval
IMAGE_PX = 256  # of the image in whose pixels lengths are given

Trials = dict[tuple[str, str, str, int], dict[str, list]]  # by data set, row, method and length


def show_methods(params: Params, section: dict, profile: str, results: list[Result]) -> Section:
    """Return a section of tables.yaml with a line per row and method, one table per data set and length."""
    trials = pooled_trials(results, [*section["metrics"], "seconds", "steps", "distance"])
    several = len(params.columns(section, profile)) > 1
    tables, remarks = [], []
    for dataset, length in dict.fromkeys((key[0], key[3]) for key in sorted(trials, key=_order)):
        caption = f"{length} px at {IMAGE_PX}, {length / IMAGE_PX:.3f} image widths"
        frame = _cell_frame(params, section, trials, dataset, length)
        tables.append(Part(f"{dataset}: {caption}" if several else caption, frame))
        remarks += _comparisons(section, trials, dataset, length)
    numbers: dict = {}
    for (dataset, row, method, length), found in trials.items():
        cells = numbers.setdefault(dataset, {}).setdefault(row, {}).setdefault(method, {})
        cells[f"{length} px"] = {
            name: SUMMARIES[params.metrics[name]["summary"]].number(_known(found[name]))
            for name in section["metrics"]
            if _known(found[name])
        }
    return Section(
        tables=tables,
        numbers=numbers,
        lines=_long_frame(trials),
        seeds=["the trials of all seeds count together"],
        remarks=remarks,
        reading=[_reading(params.metrics[name]) for name in section["metrics"]],
    )


def pooled_trials(results: Sequence[Result], names: Sequence[str]) -> Trials:
    """Return the numbers of all trials of all seeds; raises ValueError if some have none of those named."""
    pooled: Trials = {}
    for result in results:
        for group in result.trials:
            key = (result.dataset, result.row, group["method"], group["length_px"])
            for name in names:
                if not isinstance(group.get(name), list):
                    raise ValueError(f"{result.run} ({result.file}) has no {name} of its trials")
            numbers = pooled.setdefault(key, {})
            for name, values in group.items():
                if isinstance(values, list):
                    numbers.setdefault(name, []).extend(values)
    return pooled


def median_range(values: Sequence[float], digits: int) -> str:
    """Return the median and the range from 5 to 95 %, as "2.31 (1.20-9.87)"; "-" of nothing."""
    if not values:
        return NOT_RUN
    ordered = sorted(values)
    low, middle, high = (_quantile(ordered, q) for q in (0.05, 0.5, 0.95))
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def mean_interval(values: Sequence[float], digits: int) -> str:
    """Return the mean with its 95 % interval, as "0.021 ± 0.004 (n = 20)"; "-" of nothing."""
    if not values:
        return NOT_RUN
    mean, n = statistics.fmean(values), len(values)
    if n == 1:
        return f"{mean:.{digits}f} (n = 1)"
    error = Z * statistics.stdev(values) / math.sqrt(n)
    return f"{mean:.{digits}f} ± {error:.{digits}f} (n = {n})"


def count(values: Sequence[float], digits: int) -> str:
    """Return how many are true, as "49 of 50"."""
    return f"{sum(values)} of {len(values)}"


@dataclass(frozen=True)
class Summary:
    """What a cell makes of the numbers of all trials."""

    text: Callable[[Sequence[float], int], str]  # of the numbers and how many digits to show
    number: Callable[[Sequence[float]], float]
    reading: str  # how to read the text


SUMMARIES = {
    "median": Summary(median_range, statistics.median, "median (5 to 95 %) over trials"),
    "mean": Summary(
        mean_interval, statistics.fmean, "mean and 95 % interval over the n trials that have it"
    ),
    "count": Summary(count, statistics.fmean, "in how many trials"),
}


def _cell_frame(
    params: Params, section: dict, trials: Trials, dataset: str, length: int
) -> pd.DataFrame:
    """Return the cells of one data set and length, the paper's numbers next to the metrics they belong to."""
    lines = []
    for row in section["rows"]:
        for method, known in section["methods"].items():
            found = trials.get((dataset, row, method, length))
            if found is None:
                continue
            line = {"model": params.rows[row]["title"], "method": f"{known['title']} ({method})"}
            for name in section["metrics"]:
                style = params.metrics[name]
                summary = SUMMARIES[style["summary"]]
                line[style["title"]] = summary.text(_known(found[name]), style["digits"])
                if any(name in other for other in section["methods"].values()):
                    line[f"paper's {style['title']}"] = _paper(known.get(name, NOT_RUN), length)
            lines.append(line)
    return pd.DataFrame(lines)


def _paper(number: dict | str, length: int) -> str:
    """Return the paper's number, which may depend on the length."""
    if isinstance(number, str):
        return number
    return f"{number[str(length)]:g}" if str(length) in number else NOT_RUN


def _comparisons(section: dict, trials: Trials, dataset: str, length: int) -> list[str]:
    """Return sentences that compare the hybrid with DragGAN on the same model, and say what its jump did."""
    sentences = []
    for row in section["rows"]:
        found = {
            m: {
                name: _known(trials.get((dataset, row, m, length), {}).get(name, []))
                for name in ("seconds", "steps", "distance")
            }
            for m in (HYBRID, DRAGGAN, JUMP)
        }
        if not all(all(numbers.values()) for numbers in found.values()):
            continue
        seconds, steps = (
            statistics.median(found[HYBRID][name])
            / max(statistics.median(found[DRAGGAN][name]), 1e-9)
            for name in ("seconds", "steps")
        )
        left = statistics.fmean(found[JUMP]["distance"])
        sentences.append(
            f"{row}, {length} px: the hybrid takes {seconds:.2f} times the seconds of DragGAN and "
            f"{steps:.2f} times its steps (medians; the paper: about a third). Of "
            f"{length / IMAGE_PX:.3f} its jump leaves {left:.3f} to the steps: it carries a handle as "
            f"far as the image obeys the heatmap (Co-move Ratio)."
        )
    return sentences


def _long_frame(trials: Trials) -> pd.DataFrame:
    """Return a line per trial."""
    head = ("dataset", "row", "method", "length_px")
    lines = [
        {**dict(zip(head, key, strict=True)), **dict(zip(found, values, strict=True))}
        for key, found in trials.items()
        for values in zip(*found.values(), strict=True)
    ]
    return pd.DataFrame(lines)


def _order(key: tuple[str, str, str, int]) -> tuple[str, int]:
    return key[0], key[3]


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _reading(style: dict) -> str:
    """Return how the cells of a metric are to be read."""
    meaning = f"; {style['meaning']}" if "meaning" in style else ""
    return f"{style['title']}: {SUMMARIES[style['summary']].reading}{meaning}."


def _quantile(ordered: Sequence[float], q: float) -> float:
    """Return a quantile of ordered values, linear between them."""
    place = q * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
