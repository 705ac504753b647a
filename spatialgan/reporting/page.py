"""A table's Markdown as a page of HTML that needs nothing beside it: what the workflow's report shows."""

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


def html_page(markdown: str) -> str:
    """Return the page; pictures, which are files of their own, are left out."""
    parser = MarkdownIt("commonmark").enable("table")
    parser.add_render_rule("image", lambda *_: "")
    return HEAD + parser.render(markdown)
