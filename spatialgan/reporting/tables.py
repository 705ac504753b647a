"""Tables: entries of params/tables.yaml, written in five files.

.md (to read, with footer and samples), .html (the same for the workflow's report), .tex (to paste), .csv (everything in
full precision) and numbers/<table>.json (the numbers in the cells, which DVC compares between commits).

A section's entry says in `by`, a key of LINES, what its lines are. To add a kind, write a function `(params, section,
profile, results) -> Section` and give it a key.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from spatialgan.files import write_atomically
from spatialgan.markup import markdown_line, markdown_text
from spatialgan.reporting.edits import show_edits
from spatialgan.reporting.footer import footer_lines
from spatialgan.reporting.formats import html_page, latex_table, markdown_table
from spatialgan.reporting.methods import show_methods
from spatialgan.reporting.results import Result, check_protocols, load_results
from spatialgan.reporting.rows import show_rows
from spatialgan.reporting.section import Part, Section
from spatialgan.settings.params import Params
from spatialgan.variants import choose

LINES: dict[str, Callable[[Params, dict, str, list[Result]], Section]] = {
    "row": show_rows,
    "method": show_methods,
    "edit": show_edits,
}


def write_table(params: Params, name: str, profile: str) -> list[Path]:
    """Write a table in all its formats, its numbers last, and return the paths by format.

    Raises ValueError for an unknown name, if numbers of different protocols would meet, and if one was measured
    on another snapshot than its row's.
    """
    items = params.sections(name)
    measured = {key: load_results(params, item, profile) for key, item in items.items()}
    every = [result for found in measured.values() for result in found]
    check_protocols(every)
    sections = {
        key: choose(LINES, "kind of line", item.get("by", "row"))(
            params, item, profile, measured[key]
        )
        for key, item in items.items()
    }
    footer = footer_lines(params, items, profile, every, sections)
    markdown = _markdown(params, name, sections, footer)
    numbers = {key: section.numbers for key, section in sections.items()}
    files = params.results(profile)
    pages = {
        files.table(name, ".md"): markdown,
        files.table(name, ".html"): html_page(markdown),
        files.table(name, ".tex"): _latex(items, sections),
        files.table(name, ".csv"): _csv(sections),
        files.numbers(name): json.dumps(numbers.get(name, numbers), indent=2) + "\n",
    }
    for path, text in pages.items():
        write_atomically(path, text.encode())
    return list(pages)


def _markdown(params: Params, name: str, sections: dict[str, Section], footer: list[str]) -> str:
    lines = [f"# {markdown_text(params.tables[name]['title'])}", ""]
    for key, section in sections.items():
        item = params.tables[key]
        source = markdown_text(item["source"])
        heading = f"## {markdown_text(item['title'])} ({source})"
        lines += [heading if key != name else f"Source: {source}.", ""]
        for part in [*section.tables, *section.additions]:
            lines += [markdown_line(part.caption), ""] if part.caption else []
            lines += [markdown_table(part.frame), ""]
        lines += [f"- {markdown_line(remark)}" for remark in section.remarks]
        lines += [""] if section.remarks else []
    lines += [f"![samples of every row](../figures/{name}_samples.png)", ""]
    lines += [f"- {markdown_line(line)}" for line in footer]
    return "\n".join(lines) + "\n"


def _latex(items: dict[str, dict], sections: dict[str, Section]) -> str:
    tables = []
    for key, section in sections.items():
        for number, part in enumerate(section.tables):
            label = f"{key}-{number}" if number else key
            tables.append(latex_table(part.frame, _caption(items[key], part), label))
    return "\n".join(tables)


def _caption(item: dict, part: Part) -> str:
    return f"{item['title']}: {part.caption}" if part.caption else item["title"]


def _csv(sections: dict[str, Section]) -> str:
    frames = []
    for key, section in sections.items():
        frame = section.lines.copy()
        frame.insert(0, "section", key)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True).to_csv(index=False)
