"""Shapes of records: texts are single lines that can be written."""

from pathlib import Path

import pytest

from spatialgan.settings.shapes import TEXT, check_record


@pytest.mark.parametrize("text", ["", "bed", "Bett, groß", "床", "a" * 1000])
def test_a_line_of_text_is_right(text: str) -> None:
    check_record(Path("a.json"), text, TEXT)


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "a\n", "a\nb", "\x00", "\x85", "\u2028", "\ud800", "a" * 1001]
)
def test_what_a_terminal_or_a_file_would_take_otherwise_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="^a.json: ") as found:
        check_record(Path("a.json"), text, TEXT)
    assert str(found.value).isprintable()
