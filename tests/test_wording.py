"""Numbers in messages: one level, but three levels."""

import pytest

from spatialgan.wording import counted


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 levels"), (1, "1 level"), (2, "2 levels"), (1234, "1,234 levels")]
)
def test_a_noun_is_in_the_number_of_what_it_counts(number, words):
    assert counted(number, "level") == words
