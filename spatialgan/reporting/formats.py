"""Formats: frames of cells as Markdown, LaTeX and HTML.

Frames hold plain text, whatever a title or a class may be called. It is escaped here. HTML is rendered from the
Markdown, with raw HTML in it switched off.
"""

import pandas as pd
from markdown_it import MarkdownIt

from spatialgan.markup import latex_text, markdown_text

HEAD = """\
<!DOCTYPE html>
<meta charset="utf-8">
<style>
body { font-family: sans-serif; margin: 1em }
table { border-collapse: collapse }
th, td { padding: 0.2em 0.7em; border-bottom: 1px solid #ccc }
</style>
"""


def markdown_table(frame: pd.DataFrame) -> str:
    """Return a frame of plain text as a Markdown table, its first column aligned left and the others right."""
    align = ["left"] + ["right"] * (frame.shape[1] - 1)
    escaped = frame.rename(columns=markdown_text).map(markdown_text)
    return escaped.to_markdown(index=False, disable_numparse=True, colalign=align)


def latex_table(frame: pd.DataFrame, caption: str, label: str) -> str:
    """Return a frame of plain text as a LaTeX table, its first column aligned left and the others right."""
    escaped = frame.rename(columns=latex_text).map(latex_text)
    layout = "l" + "r" * (frame.shape[1] - 1)
    return escaped.to_latex(
        index=False, column_format=layout, caption=latex_text(caption), label=f"tab:{label}"
    )


def html_page(markdown: str) -> str:
    """Return Markdown as a self-contained page; pictures, which are separate files, are left out."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("image", lambda *_: "")
    return HEAD + parser.render(markdown)
