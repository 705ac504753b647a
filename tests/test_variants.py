"""The message for a name that nothing has."""

import pytest

from spatialgan.variants import check_choice, choose, shown, unknown_name

OPTIONS = {"coarse": 1, "fine": 2}


def test_a_known_name_gives_its_option():
    assert choose(OPTIONS, "processing", "fine") == 2
    check_choice(("coarse", "fine"), "processing", "fine")


@pytest.mark.parametrize("name", ["medium", "", "COARSE"])
def test_an_unknown_name_is_answered_with_those_there_are(name):
    message = f"^unknown processing '{name}': choose one of coarse, fine$"
    with pytest.raises(ValueError, match=message):
        choose(OPTIONS, "processing", name)
    with pytest.raises(ValueError, match=message):
        check_choice(list(OPTIONS), "processing", name)


def test_a_value_that_is_no_name_is_unknown_too():
    with pytest.raises(
        ValueError, match=r"unknown source \['folder'\]: choose one of coarse, fine"
    ):
        check_choice(OPTIONS, "source", ["folder"])


def test_options_need_not_be_words():
    assert unknown_name([4, 8], "resolution", 5) == "unknown resolution 5: choose one of 4, 8"


def test_a_message_cannot_be_forged_or_flooded_by_a_name():
    assert shown("a\x1b[2Jb\nc\u202e") == r"'a\x1b[2Jb\nc\u202e'"
    assert shown("x" * 60) == "'" + "x" * 60 + "'"
    assert shown("x" * 61) == "'" + "x" * 60 + "...'"
    assert len(shown("\x00" * 10_000)) < 70
