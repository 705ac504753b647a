"""The table of dragging methods: time, steps and accuracy per model and length [paper, Tab. II].

Written from <root>/metrics/<run>/drags.json, which holds a number per trial; the trials of all seeds of a
row count together. Times are of the machine that measured; their ratios are what compares.
"""

import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from spatialgan.params import Params
from spatialgan.reporting.page import html_page
from spatialgan.reporting.results import load_json

NAME = "drag"
FILE = "drags"
NONE = "-"
DRAGGAN, JUMP, HYBRID = "latent", "coarse", "coarse+latent+centers"
Z = 1.96  # standard errors of a 95 % interval
HEAD = ("row", "dataset", "method", "length_px")


def drag_runs(params: Params, profile: str) -> list[str]:
    """Return the runs whose drags the table shows."""
    seeds = params.profile(profile)["seeds"]
    form = params.profile(profile)["data"]
    return [
        f"{dataset}/{row}/{seed}"
        for dataset, rows in params.drag["runs"].items()
        if form in params.dataset(dataset)
        for row in rows
        for seed in seeds
    ]


def write_drag_table(params: Params, profile: str) -> list[Path]:
    """Write the table as Markdown, CSV and HTML and return the paths.

    Raises ValueError where numbers of different protocols would meet.
    """
    files = params.results(profile)
    paths = {run: files.metric(run, FILE) for run in drag_runs(params, profile)}
    results = {run: load_json(path) for run, path in paths.items() if path.is_file()}
    _check_protocols(results)
    frame = _frame(results)
    markdown = _markdown(params, profile, frame, results)
    pages = {
        ".md": markdown,
        ".csv": _long(frame).to_csv(index=False),
        ".html": html_page(markdown),
    }
    paths = []
    for suffix, text in pages.items():
        path = files.table(NAME, suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def _check_protocols(results: dict[str, dict]) -> None:
    """Raise ValueError, naming both runs and what differs, unless all were measured alike."""
    first = next(iter(results.items()), ("", {}))
    for run, result in results.items():
        mine, theirs = result["protocol"], first[1]["protocol"]
        for name in sorted({*mine, *theirs} - {"segmenter_sha256"}):
            if mine.get(name) != theirs.get(name):
                raise ValueError(
                    f"{first[0]} and {run} were measured differently and can't stand in one table: "
                    f"{name} is {theirs.get(name)} and {mine.get(name)}; measure one of them again"
                )


def _frame(results: dict[str, dict]) -> pd.DataFrame:
    """Return a line per row, data set, method and length, with the numbers of all its trials as lists."""
    lines: dict[tuple, dict] = {}
    for result in results.values():
        for drag in result["drags"]:
            key = (result["row"], result["dataset"], drag["method"], drag["length_px"])
            line = lines.setdefault(key, dict(zip(HEAD, key, strict=True)))
            for name, values in drag.items():
                if isinstance(values, list):
                    line.setdefault(name, []).extend(values)
    return pd.DataFrame(list(lines.values()))


def _long(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a line per trial."""
    columns = [name for name in frame.columns if name not in HEAD]
    return frame.explode(columns, ignore_index=True) if columns else frame


def _markdown(params: Params, profile: str, frame: pd.DataFrame, results: dict[str, dict]) -> str:
    item = params.drag
    lines = [f"# {item['title']}", "", f"Compare {item['source']}.", ""]
    for dataset, rows in item["runs"].items():
        chosen = frame[frame["dataset"] == dataset] if len(frame) else frame
        if len(chosen) == 0:
            continue
        lines += [f"## {dataset}", ""]
        for length in sorted(chosen["length_px"].unique()):
            at = chosen[chosen["length_px"] == length]
            cells = [_cells(params, at, row, method) for row in rows for method in item["methods"]]
            table = pd.DataFrame([cell for cell in cells if cell])
            align = ["left", "left"] + ["right"] * (table.shape[1] - 2)
            text = table.to_markdown(index=False, disable_numparse=True, colalign=align)
            lines += [f"**{length} px at 256**, {length / 256:.3f} image widths", "", text, ""]
        lines += [*_comparison(chosen, rows), ""]
    return "\n".join(lines + _footer(params, profile, results)) + "\n"


def _comparison(frame: pd.DataFrame, rows: Sequence[str]) -> list[str]:
    """Return sentences that set the hybrid against DragGAN on the same model, and say what its jump did."""
    sentences = []
    for row in rows:
        for length in sorted(frame["length_px"].unique()):
            lines = frame[(frame["row"] == row) & (frame["length_px"] == length)]
            found = {line["method"]: line for _, line in lines.iterrows()}
            if {HYBRID, DRAGGAN, JUMP} <= set(found):
                ratios = [
                    statistics.median(found[HYBRID][name])
                    / max(statistics.median(found[DRAGGAN][name]), 1e-9)
                    for name in ("seconds", "steps")
                ]
                left = statistics.fmean(found[JUMP]["distance"])
                sentences.append(
                    f"- {row}, {length} px: the hybrid takes {ratios[0]:.2f} times the seconds of DragGAN and "
                    f"{ratios[1]:.2f} times its steps (medians; the paper: about a third). Of "
                    f"{length / 256:.3f} its jump leaves {left:.3f} to the steps: it carries a handle as "
                    f"far as the image obeys the heatmap (Co-move Ratio)."
                )
    return sentences


def _cells(params: Params, frame: pd.DataFrame, row: str, method: str) -> dict[str, str]:
    """Return a line of the table as text, empty where there is nothing to tell."""
    found = frame[(frame["row"] == row) & (frame["method"] == method)]
    if len(found) == 0:
        return {}
    line = found.iloc[0]
    paper = params.drag["methods"][method]
    seconds = paper.get("seconds", {}).get(str(line["length_px"]))
    return {
        "model": params.rows[row]["title"],
        "method": f"{paper['title']} (`{method}`)",
        "seconds": spread(line["seconds"], 2),
        "paper's seconds": NONE if seconds is None else f"{seconds:g}",
        "steps": spread(line["steps"], 0),
        "paper's steps": paper.get("steps", NONE),
        "distance left, tracked": mean_interval(line["distance"]),
        "distance left, segmented": mean_interval([d for d in line["seen"] if d is not None]),
        "there": f"{sum(line['reached'])} of {len(line['reached'])}",
    }


def spread(values: Sequence[float], digits: int) -> str:
    """Return the median and the range from 5 to 95 %, as "2.31 (1.20-9.87)"."""
    ordered = sorted(values)
    low, middle, high = (_quantile(ordered, q) for q in (0.05, 0.5, 0.95))
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def _quantile(ordered: Sequence[float], q: float) -> float:
    """Return a quantile of ordered values, linear between them."""
    place = q * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def mean_interval(values: Sequence[float]) -> str:
    """Return the mean with its 95 % interval, as "0.021 ± 0.004 (n = 20)"; "-" of nothing."""
    if not values:
        return NONE
    mean, n = statistics.fmean(values), len(values)
    if n == 1:
        return f"{mean:.3f} (n = 1)"
    return f"{mean:.3f} ± {Z * statistics.stdev(values) / math.sqrt(n):.3f} (n = {n})"


def _footer(params: Params, profile: str, results: dict[str, dict]) -> list[str]:
    """Return what stands under the table."""
    if not results:
        return [f"No run of this table has been made yet in the profile `{profile}`."]
    protocol = next(iter(results.values()))["protocol"]
    shown = {k: v for k, v in protocol.items() if k != "segmenter_sha256"}
    commits = dict.fromkeys(result["commit"][:10] for result in results.values())
    return [
        "- Seconds and steps: median (5 to 95 %). A drag's seconds include its first look at the features, "
        "its jump where it has one, all steps and one image.",
        "- Distances left are in image widths, means with 95 % intervals: of the handle as tracked by its "
        "features, and of the object under it as the segmenter sees it, where it sees it in both images.",
        "- There: drags whose handle came within the tolerance of its target before the step cap.",
        f"- Protocol: {json.dumps(shown)}.",
        f"- Runs: {', '.join(results)}; profile `{profile}`.",
        f"- Commit: {', '.join(commits)}.",
        f"- {params.drag['note']}",
    ]
