"""Tables: for each row of params the mean over seeds of what we measured, beside the paper's own number.

One table gives three files: .md (to read, with footer and samples), .tex (to paste) and .csv (everything, one
line per number). "-" stands where a run has not been made, or the paper has no number.
"""

import statistics
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from spatialgan.params import Params
from spatialgan.reporting.footer import footer_lines
from spatialgan.reporting.results import Result, check_protocols, load_results

ARROWS = {"lower": "↓", "higher": "↑"}
TEX_SYMBOLS = {"↓": r"$\downarrow$", "↑": r"$\uparrow$", "±": r"$\pm$"}
NOT_RUN = "-"


@dataclass(frozen=True)
class Column:
    """One metric on one data set."""

    dataset: str
    metric: str  # a key of params.metrics
    style: dict  # its entry there
    results: list[Result]

    @property
    def label(self) -> str:
        """Return the metric's id, which says with what and on how many images it was measured."""
        ids = [r.metric_ids[self.metric] for r in self.results if self.metric in r.metric_ids]
        return ids[0] if ids else self.style["title"]

    def values(self, row: str) -> list[float]:
        """Return the values of a row, one per seed."""
        chosen = [r for r in self.results if r.row == row and r.dataset == self.dataset]
        return [r.metrics[self.metric] for r in chosen if self.metric in r.metrics]

    def cell(self, row: str) -> str:
        """Return mean ± standard deviation over seeds, or "-"."""
        values, digits = self.values(row), self.style["digits"]
        if not values:
            return NOT_RUN
        text = f"{statistics.fmean(values):.{digits}f}"
        return text if len(values) == 1 else f"{text} ± {statistics.stdev(values):.{digits}f}"


def write_table(params: Params, name: str, profile: str) -> list[Path]:
    """Write <root>/tables/<name>.md, .tex and .csv and return their paths.

    Raises ValueError for an unknown name, and where numbers of different protocols would meet.
    """
    sections = params.sections(name)
    results = {key: load_results(params, section, profile) for key, section in sections.items()}
    check_protocols(result for found in results.values() for result in found)
    stem = params.root(profile) / "tables" / name
    stem.parent.mkdir(parents=True, exist_ok=True)
    columns = {
        key: _columns(params, section, profile, results[key]) for key, section in sections.items()
    }
    pages = {
        ".md": _markdown(params, name, profile, columns, results),
        ".tex": _latex(params, sections, columns),
        ".csv": _long_frame(params, sections, columns).to_csv(index=False),
    }
    for suffix, text in pages.items():
        stem.with_suffix(suffix).write_text(text, encoding="utf-8")
    return [stem.with_suffix(suffix) for suffix in pages]


def _columns(params: Params, section: dict, profile: str, results: list[Result]) -> list[Column]:
    datasets = params.columns(section, profile)
    return [
        Column(dataset, metric, params.metrics[metric], results)
        for dataset in datasets
        for metric in section["metrics"]
    ]


def section_frame(params: Params, section: dict, columns: list[Column]) -> pd.DataFrame:
    """Return a section as text cells: a line per row, ours and the paper's per data set and metric.

    The paper's numbers stand beside a section's first metric.
    """
    several = len({column.dataset for column in columns}) > 1
    data: dict[str, list[str]] = {"": [params.rows[row]["title"] for row in section["rows"]]}
    for column in columns:
        arrow = ARROWS[column.style["better"]]
        prefix = f"{column.dataset}: " if several else ""
        data[f"{prefix}{column.label} {arrow}"] = [column.cell(row) for row in section["rows"]]
        if column.metric == section["metrics"][0]:
            paper = [_paper(section, row, column) for row in section["rows"]]
            title = f"{prefix}paper's {column.style['title']} {arrow}"
            data[title] = [
                NOT_RUN if v is None else f"{v:.{column.style['digits']}f}" for v in paper
            ]
    return pd.DataFrame(data)


def _paper(section: dict, row: str, column: Column) -> float | None:
    return section["rows"][row].get(column.dataset)


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
        lines += [f"## {heading}" if key != name else f"Compare {section['source']}.", ""]
        frame = section_frame(params, section, columns[key])
        align = ["left"] + ["right"] * (frame.shape[1] - 1)
        lines += [
            frame.to_markdown(index=False, disable_numparse=True, colalign=align),
            "",
        ]
    picture = f"../figures/{name}_samples.png"
    lines += [f"![samples of every row]({picture})", ""]
    lines += footer_lines(params, profile, [r for found in results.values() for r in found])
    return "\n".join(lines) + "\n"


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


def _long_frame(
    params: Params, sections: dict[str, dict], columns: dict[str, list[Column]]
) -> pd.DataFrame:
    """Return every number of the table in full precision, one per line."""
    lines = []
    for key, section in sections.items():
        for row in section["rows"]:
            for column in columns[key]:
                values = column.values(row)
                is_first = column.metric == section["metrics"][0]
                lines.append(
                    {
                        "section": key,
                        "row": row,
                        "title": params.rows[row]["title"],
                        "dataset": column.dataset,
                        "metric": column.label,
                        "mean": statistics.fmean(values) if values else None,
                        "std": statistics.stdev(values) if len(values) > 1 else None,
                        "num_seeds": len(values),
                        "paper": _paper(section, row, column) if is_first else None,
                    }
                )
    return pd.DataFrame(lines)
