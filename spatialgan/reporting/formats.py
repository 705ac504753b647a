r"""Formats: text and frames of cells as Markdown, LaTeX and HTML.

Frames hold plain text, whatever a title or a class may be called. Each format escapes it here and nowhere else:

    markdown_text("a|b")  ->  a\|b          latex_text("5 %")  ->  5 \%

HTML is rendered from the Markdown, with raw HTML in it switched off.
"""

import re

import pandas as pd
from markdown_it import MarkdownIt

HEAD = """\
<!DOCTYPE html>
<meta charset="utf-8">
<style>
body { font-family: sans-serif; margin: 1em }
table { border-collapse: collapse }
th, td { padding: 0.2em 0.7em; border-bottom: 1px solid #ccc }
</style>
"""

# What Markdown could read as markup: code, emphasis, table cells, tags, entities and links; formulas and crossed out
# words, as GitHub has them; what would close a heading. An underscore inside a word (L_align) is not markup and stays.
MARKUP = re.compile(r"[\\`*|<$]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)|(?<=\])\(|~(?=~)|(?<=~)~|#(?=#*\s*$)")
# Where a line begins as a heading, an item of a list, a quotation or the target of a link does
BEGINNING = re.compile(r"^(\d{1,9}(?=[.)](?:\s|$))|(?=[#>+=\[-]))")
LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "↓": r"$\downarrow$",
        "↑": r"$\uparrow$",
        "→": r"$\to$",
        "±": r"$\pm$",
        "≥": r"$\geq$",
        **{character: f"\\{character}" for character in "_%&#${}"},
    }
)


def markdown_text(text: str) -> str:
    """Return plain text as Markdown that shows it, in a heading or a cell."""
    return MARKUP.sub(lambda found: f"\\{found[0]}", text)


def markdown_line(text: str) -> str:
    """Return plain text as Markdown that shows it as a paragraph or an item of a list."""
    return BEGINNING.sub(r"\1\\", markdown_text(text.strip()), count=1)


def latex_text(text: str) -> str:
    """Return plain text as LaTeX that shows it, also where it begins a row, whose end before it takes a [ or a *."""
    escaped = text.translate(LATEX)
    return f"{{{escaped[0]}}}{escaped[1:]}" if escaped.startswith(("[", "*")) else escaped


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
