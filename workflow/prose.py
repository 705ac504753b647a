"""The numbers in README.md and docs/: written from the files that the workflow makes, never by hand.

    python -m workflow.prose            # or: make prose

Three kinds of marks, comments that Markdown doesn't show:

    <!-- results/workstation/numbers/comove.json bedroom/indoor/strict .2f -->0.70<!-- -->
    <!-- include results/workstation/tables/objective.md --> ... <!-- end include -->
    <!-- table results/workstation/tables/comove.md --> ... <!-- end table -->

The first is a number: a JSON or YAML file, the keys that lead to the number in it (one may have slashes itself, as a run's
name has), and how Python formats it (".0%"
writes a share as a percentage). The second is a file without its first heading, its links made to lead where they led;
the third only its first table.
The tests compare every mark with its file, and refuse decimals in prose that have none.
"""

import os
import re
from pathlib import Path

import click

from spatialgan.documents import read_json, read_yaml
from spatialgan.files import write_atomically
from spatialgan.messages import one_line
from spatialgan.variants import unknown_name

PAGES = ("README.md", "docs/*.md")
NUMBER = re.compile(
    r"(<!--\s+(\S+\.(?:json|yaml))\s+([^>]*?)\s+(\S+)\s+-->)([^<>]{0,40})(<!-- -->)", re.S
)
MARK = re.compile(r"<!--\s+(?:\S+\.(?:json|yaml)|include|table|end)\s")
BLOCK = re.compile(r"(<!-- (include|table) (\S+) -->\n)(.*?)(<!-- end \2 -->)", re.S)
TABLE = re.compile(r"(?:^\|.*\n)+", re.M)
LINK = re.compile(r"(\]\()([^)#:\s]+)")


def pages(root: Path) -> list[Path]:
    """Return the pages that may hold marks."""
    return [page for pattern in PAGES for page in sorted(root.glob(pattern))]


def number(root: Path, file: str, keys: str, spec: str) -> str:
    """Return a number of a file as text.

    Raises:
        ValueError: if the file is missing, has no such keys, or they lead to something other than a number.
    """
    path = root / file
    if not path.is_file():
        raise ValueError(f"{file} does not exist: name a file that is in git")
    found = read_json(path) if path.suffix == ".json" else read_yaml(path)
    names = keys.split("/")
    while names:
        key = _key(found, names)
        names = names[key.count("/") + 1 :]
        if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, dict) and key in found:
            found = found[key]
        else:
            options = (
                found
                if isinstance(found, dict)
                else range(len(found) if isinstance(found, list) else 0)
            )
            raise ValueError(f"{file}, {keys}: {unknown_name(options, 'key', key)}")
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ValueError(f"{keys} of {file} is no number but {found!r}")
    return format(found, spec)


def _key(found: object, names: list[str]) -> str:
    """Return the key that comes next: a name, or several with slashes between, such as a run's."""
    joined = ["/".join(names[:length]) for length in range(1, len(names) + 1)]
    return next((key for key in joined if isinstance(found, dict) and key in found), names[0])


def block(root: Path, kind: str, file: str, page: Path) -> str:
    """Return what a page includes of a file (all but its first heading, or its first table), links as seen from the page.

    Raises:
        ValueError: if the file is missing, or has no table where one is asked for.
    """
    path = root / file
    if not path.is_file():
        raise ValueError(f"{file} does not exist: name a file that is in git")

    def moved(link: re.Match) -> str:
        return link[1] + os.path.relpath(path.parent / link[2], page.parent)

    text = path.read_text(encoding="utf-8")
    if kind == "table":
        tables = TABLE.findall(text)
        if not tables:
            raise ValueError(f"{file} has no table")
        return tables[0]
    return LINK.sub(moved, re.sub(r"\A# .*\n+", "", text))


def rendered(root: Path, page: Path) -> str:
    """Return a page with every number and block as in its file now.

    Raises:
        ValueError: if a mark names what isn't there, or has no end.
    """
    try:
        text = page.read_text(encoding="utf-8")
        left = MARK.search(BLOCK.sub("", NUMBER.sub("", text)))
        if left:
            raise ValueError(f"'{left.string[left.start() :][:60]}' has no end")
        text = NUMBER.sub(lambda m: m[1] + number(root, m[2], m[3], m[4]) + m[6], text)
        return BLOCK.sub(lambda m: m[1] + block(root, m[2], m[3], page) + m[5], text)
    except ValueError as error:
        raise ValueError(f"{page.relative_to(root)}: {error}") from error


def unmarked(text: str) -> str:
    """Return the prose of a page that isn't taken from a file: without marks, code, addresses and links' targets."""
    for pattern in (
        r"```.*?```",
        NUMBER,
        BLOCK,
        r"<!--.*?-->",
        r"`[^`]*`",
        r"\]\([^)]*\)",
        r"https?://\S+",
    ):
        text = re.sub(pattern, " ", text, flags=0 if isinstance(pattern, re.Pattern) else re.S)
    return text


@click.command()
def main() -> None:
    """Write all numbers and blocks again."""
    root = Path()
    for page in pages(root):
        try:
            text = rendered(root, page)
        except ValueError as error:
            raise click.ClickException(one_line(str(error))) from None
        if text != page.read_text(encoding="utf-8"):
            write_atomically(page, text.encode())
            click.echo(f"{page} written")


if __name__ == "__main__":
    main()
