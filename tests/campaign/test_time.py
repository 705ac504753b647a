"""How the campaign divides its time: each test ends with its share, and all together when the minutes are over."""

import time

import pytest

from tests.campaign.conftest import Campaign, end_of_share


def test_without_minutes_the_bounded_number_of_cases_is_tried() -> None:
    campaign = Campaign(0, first=7)
    assert list(campaign.cases("x", 3)) == [7, 8, 9]
    assert campaign.counts == {"x": [3, 0]}


def test_a_share_that_is_spent_ends_a_test_after_one_case() -> None:
    campaign = Campaign(time.monotonic() - 1)
    assert list(campaign.cases(lambda seed: f"{seed % 2}", 1000)) == [0]
    for seed in campaign.cases("y", 0):
        campaign.failed(seed, "was accepted")
    assert campaign.counts == {"0": [1, 0], "y": [1, 1]}
    assert campaign.failures == ["y, case 0: was accepted"]


def test_what_one_test_takes_too_long_the_next_ones_have_less() -> None:
    now, ends, shares = 0.0, 100.0, [5, 5, 2, 1, 1, 1]
    for place in range(len(shares)):
        now = end_of_share(now, ends, shares[place:]) + 1  # a last case, and preparing
        assert now <= ends + 1
    assert now == ends + 1
    with pytest.raises(pytest.skip.Exception, match="no time is left"):
        end_of_share(now, ends, [1])
