r"""Plain text, whatever a title or a class may be called, as markup that shows it: the one place that escapes.

markdown_text("a|b")  ->  a\|b          latex_text("5 %")  ->  5 \%
"""

import re

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
