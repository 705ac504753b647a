"""Tables: for each row of params the mean over seeds of what we measured, beside the paper's own number.

One table gives five files: .md (to read, with footer and samples), .html (the same for the workflow's report),
.tex (to paste), .csv (everything, one line per number) and .json (the means alone, which DVC compares between commits).
"""

import json
import statistics
from pathlib import Path

import pandas as pd

from spatialgan.params import Params
from spatialgan.reporting.classes import class_frame
from spatialgan.reporting.columns import Column, columns_of
from spatialgan.reporting.footer import footer_lines
from spatialgan.reporting.page import html_page
from spatialgan.reporting.results import Result, check_protocols, load_results
from spatialgan.reporting.segmenters import segmenter_frame

CLASS_CELLS = "the Co-move Ratio of all seeds' matched objects (how many were moved)."
SEGMENTER_LINE = (
    "Who looked: masks on scenes that neither learned from, and what the training took."
)
TEX_SYMBOLS = {"↓": r"$\downarrow$", "↑": r"$\uparrow$", "→": r"$\to$", "±": r"$\pm$"}


def write_table(params: Params, name: str, profile: str) -> list[Path]:
    """Write a table in all its formats, and its numbers as JSON, and return the paths.

    Raises ValueError for an unknown name, and where numbers of different protocols would meet.
    """
    sections = params.sections(name)
    measured = {key: load_results(params, section, profile) for key, section in sections.items()}
    check_protocols(result for found in measured.values() for result in found)
    results = params.results(profile)
    columns = {
        key: columns_of(params, section, profile, measured[key])
        for key, section in sections.items()
    }
    markdown = _markdown(params, name, profile, columns, measured)
    pages = {
        ".md": markdown,
        ".tex": _latex(params, sections, columns),
        ".csv": _long_frame(params, sections, columns).to_csv(index=False),
        ".json": json.dumps(_means(params, name, columns), indent=2) + "\n",
        ".html": html_page(markdown),
    }
    paths = []
    for suffix, text in pages.items():
        path = results.numbers(name) if suffix == ".json" else results.table(name, suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def section_frame(params: Params, section: dict, columns: list[Column]) -> pd.DataFrame:
    """Return a section as text cells: a line per row, ours and the paper's per data set and metric.

    The paper's numbers stand beside the metric they are of.
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


def _markdown(
    params: Params,
    name: str,
    profile: str,
    columns: dict[str, list[Column]],
    results: dict[str, list[Result]],
) -> str:
    page = params.tables[name]
    sections = params.sections(name)
    lines = [f"# {page['title']}", ""]
    for key, section in sections.items():
        heading = f"{section['title']} ({section['source']})"
        lines += [f"## {heading}" if key != name else f"Source: {section['source']}.", ""]
        lines += [_table(section_frame(params, section, columns[key])), ""]
        by_segmenter = segmenter_frame(params, section, profile, results[key])
        if len(by_segmenter) > 0:
            lines += [SEGMENTER_LINE, "", _table(by_segmenter), ""]
        lines += _class_lines(params, section, results[key])
    picture = f"../figures/{name}_samples.png"
    lines += [f"![samples of every row]({picture})", ""]
    every = [result for found in results.values() for result in found]
    lines += footer_lines(params, list(sections.values()), profile, every)
    return "\n".join(lines) + "\n"


def _class_lines(params: Params, section: dict, results: list[Result]) -> list[str]:
    """Return the rows by class as lines of Markdown, once by each segmenter; none where nobody told classes."""
    lines = []
    files = list(dict.fromkeys(result.file for result in results if result.classes))
    for file in files:
        chosen = [result for result in results if result.file == file]
        by = f" by {chosen[0].protocol['segmenter']}" if "segmenters" in section else ""
        frame = class_frame(params, section, chosen)
        lines += [f"By class of the moved object{by}: {CLASS_CELLS}", "", _table(frame), ""]
    return lines


def _table(frame: pd.DataFrame) -> str:
    align = ["left"] + ["right"] * (frame.shape[1] - 1)
    return frame.to_markdown(index=False, disable_numparse=True, colalign=align)


def _latex(params: Params, sections: dict[str, dict], columns: dict[str, list[Column]]) -> str:
    parts = []
    for key, section in sections.items():
        frame = section_frame(params, section, columns[key])
        escaped = frame.rename(columns=_tex).map(_tex)
        layout = "l" + "r" * (frame.shape[1] - 1)
        caption = _tex(section["title"])
        parts.append(
            escaped.to_latex(index=False, column_format=layout, caption=caption, label=f"tab:{key}")
        )
    return "\n".join(parts)


def _tex(text: str) -> str:
    for character in "_%&#":
        text = text.replace(character, f"\\{character}")
    for character, symbol in TEX_SYMBOLS.items():
        text = text.replace(character, symbol)
    return text


def _means(params: Params, name: str, columns: dict[str, list[Column]]) -> dict:
    """Return the mean in every cell, under data set, row and metric; on a page under its section before."""
    sections = params.sections(name)
    means: dict = {key: {} for key in sections}
    for key, section in sections.items():
        for column in columns[key]:
            for row in section["rows"]:
                values = column.values(row)
                if values:
                    cells = means[key].setdefault(column.dataset, {}).setdefault(row, {})
                    cells[column.label] = statistics.fmean(values)
    return means.get(name, means)


def _long_frame(
    params: Params, sections: dict[str, dict], columns: dict[str, list[Column]]
) -> pd.DataFrame:
    """Return every number of the table in full precision, one per line."""
    lines = []
    for key, section in sections.items():
        for row in section["rows"]:
            for column in columns[key]:
                values = column.values(row)
                low, high = column.interval(row) or (None, None)
                lines.append(
                    {
                        "section": key,
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
