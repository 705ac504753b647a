"""The numbers of README.md and docs/: each comes from a file, and is the one that the file has now."""

import errno
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from workflow.prose import main, number, pages, rendered, unmarked

ROOT = Path(__file__).resolve().parents[2]
PAGES = pages(ROOT)
DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?!\w|\.\d)")
CONSTANTS = {  # decimals that no result changes, with the reason why they may stand there
    "README.md": {"3.11": "the oldest Python", "2.0": "a version of the Apache License"},
    "docs/import.md": {"0.01": "a constant of the predecessor's code"},
    "docs/data.md": {"4.0": "a version of the Creative Commons license"},
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_numbers_and_blocks_are_what_their_files_say(page):
    assert page.read_text() == rendered(ROOT, page), "old: run `make prose`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_decimal_was_typed_by_hand(page):
    known = CONSTANTS.get(str(page.relative_to(ROOT)), {})
    typed = [found for found in DECIMAL.findall(unmarked(page.read_text())) if found not in known]
    assert not typed, f"mark them (workflow/prose.py), or leave them out: {', '.join(typed)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_number_begins_a_line(page):
    """A comment at the start of a line ends the paragraph, in Markdown's eyes."""
    assert not re.findall(r"^\s*<!-- \S+\.(?:json|yaml) .*", page.read_text(), re.MULTILINE)


def test_readme_shows_a_table_and_numbers_that_rules_made():
    text = (ROOT / "README.md").read_text()
    assert "<!-- table results/" in text
    assert re.search(r"<!-- results/\S+\.json ", text)


def test_a_page_is_rendered_anew(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "results").mkdir()
    (tmp_path / "results/a.json").write_text('{"cat": {"one alone": [0.126, 0.5]}}')
    (tmp_path / "results/t.md").write_text(
        "# Title\n\ntext\n\n| a |\n|---|\n| [b](../b.md) |\n\n![c](c.png)\n"
    )
    page = tmp_path / "docs/page.md"
    page.write_text(
        "It is <!-- results/a.json cat/one alone/0 .2f -->9<!-- -->, a half is\n"
        "<!-- results/a.json cat/one alone/1\n.0% --><!-- -->.\n"
        "<!-- include results/t.md -->\n<!-- end include -->\n"
        "<!-- table results/t.md -->\nold\n<!-- end table -->\n"
    )
    text = rendered(tmp_path, page)
    assert ".2f -->0.13<!-- -->, a half is" in text
    assert ".0% -->50%<!-- -->." in text
    table = "| a |\n|---|\n| [b](../b.md) |\n"
    assert f"-->\ntext\n\n{table}\n![c](../results/c.png)\n<!-- end include" in text
    assert f"results/t.md -->\n{table}<!-- end table" in text
    assert "0.13" not in unmarked(text)
    page.write_text(text)
    assert rendered(tmp_path, page) == text


def test_what_is_not_there_is_named(tmp_path):
    (tmp_path / "a.json").write_text('{"cat": {"fid": "many"}}')
    with pytest.raises(ValueError, match=r"b\.json does not exist"):
        number(tmp_path, "b.json", "cat", ".2f")
    with pytest.raises(ValueError, match="a.json, dog/fid: unknown key 'dog': choose one of cat"):
        number(tmp_path, "a.json", "dog/fid", ".2f")
    with pytest.raises(ValueError, match="is no number but 'many'"):
        number(tmp_path, "a.json", "cat/fid", ".2f")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<!-- a.json cat .2f -->1 and all this\n\n<!-- a.json cat .2f -->2<!-- -->", "has no end"),
        ("<!-- table a.md -->\n|x|\n", "has no end"),
        ("<!-- a.json cat .2f -->1<!-- -->", "a.json: NaN is not a number"),
        ("<!-- b.json cat .2f -->1<!-- -->", "b.json: key 'cat' is there twice"),
    ],
)
def test_a_page_that_cannot_be_written_is_one_line_and_stays(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    Path("README.md").write_text(text)
    Path("a.json").write_text('{"cat": NaN}')
    Path("b.json").write_text('{"cat": 1, "cat": 2}')
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 1 and "README.md: " in result.output and said in result.output
    assert result.output.count("\n") == 1 and Path("README.md").read_text() == text


def test_a_key_may_have_slashes(tmp_path):
    (tmp_path / "a.json").write_text('{"cat": {"sel/0": {"fid": 1}}, "cat/sel/1": [2]}')
    assert number(tmp_path, "a.json", "cat/sel/0/fid", "d") == "1"
    (tmp_path / "b.json").write_text('{"cat/sel/1": [2]}')
    assert number(tmp_path, "b.json", "cat/sel/1/0", "d") == "2"
    with pytest.raises(ValueError, match="unknown key 'cat': choose one of cat/sel/1"):
        number(tmp_path, "b.json", "cat/sel/2/0", "d")


def test_decimals_in_prose_are_found_and_those_of_code_are_not():
    text = "A `0.1`, [b](c-0.2.md), <!-- 0.3 -->, https://d/0.4\n```\n0.5\n```\nand 0.6 of v0.8.1, or 0.7."
    assert DECIMAL.findall(unmarked(text)) == ["0.6", "0.7"]


def test_a_full_disk_leaves_the_page_as_it_was(tmp_path, monkeypatch):
    def failing(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), arguments[0])

    monkeypatch.chdir(tmp_path)
    Path("a.json").write_text('{"b": 1}')
    page, text = Path("README.md"), "It is <!-- a.json b d -->9<!-- -->.\n"
    page.write_text(text)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing)
        assert CliRunner().invoke(main, []).exit_code == 1
    assert page.read_text() == text
    assert CliRunner().invoke(main, []).exit_code == 0
    assert page.read_text() == text.replace("9", "1")
