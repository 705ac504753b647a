"""Hooks of mkdocs: pages of the repository that are not in docs/ become pages of the site, links and all.

README.md is the site's index. Whatever a page links to (another page, a table of results, a picture) is taken into the
site at its own path; a link to what isn't in the repository stays as it is, for mkdocs to refuse.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = "docs/"
FIRST = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)\s]*)?\))")


def in_repository(uri: str) -> str:
    """Return the path in the repository of a page, or file, of the site."""
    if uri == "index.md":
        return "README.md"
    return f"{DOCS}{uri}" if (ROOT / DOCS / uri).exists() else uri


def in_site(path: str) -> str:
    """Return the path in the site of a file of the repository."""
    return "index.md" if path == "README.md" else path.removeprefix(DOCS)


def targets(path: str) -> list[str]:
    """Return the files of the repository that one of its pages links to, by their paths."""
    found = [link[2] for link in LINK.finditer((ROOT / path).read_text())]
    paths = [posixpath.normpath(posixpath.join(posixpath.dirname(path), link)) for link in found]
    return [path for path in paths if (ROOT / path).is_file()]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what pages outside docs/ are, and what any page links to, to the files of the site."""
    waiting = [*FIRST, *(in_repository(file.src_uri) for file in files.documentation_pages())]
    known = {file.src_uri for file in files}
    seen = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        if in_site(path) not in known:
            files.append(File.generated(config, in_site(path), abs_src_path=str(ROOT / path)))
        if path.endswith(".md"):
            waiting += targets(path)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return a page with its links to files of the repository leading to their places in the site."""
    path = in_repository(page.file.src_uri)

    def moved(link: re.Match) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link[2]))
        if not (ROOT / target).is_file():
            return link[0]
        here = posixpath.dirname(page.file.src_uri) or "."
        return f"{link[1]}{posixpath.relpath(in_site(target), here)}{link[3]}"

    return LINK.sub(moved, markdown)
