"""On which side of a bound an interval is."""

import pytest

from spatialgan.analyses.findings import Number
from spatialgan.analyses.verdicts import NOT_SO, SO, UNDECIDED, Bound


@pytest.mark.parametrize(
    ("claim", "low", "high", "verdict"),
    [
        ({}, 0.1, 0.3, SO),
        ({}, -0.3, -0.1, NOT_SO),
        ({}, -0.1, 0.1, UNDECIDED),
        ({}, 0.0, 0.1, UNDECIDED),
        ({"least": 0.5}, 0.1, 0.3, NOT_SO),
        ({"most": 0.5}, 0.1, 0.3, SO),
        ({"most": 0.1}, 0.2, 0.3, NOT_SO),
        ({"most": 0.2}, 0.1, 0.3, UNDECIDED),
    ],
)
def test_a_model_is_judged_by_its_interval(
    claim: dict, low: float, high: float, verdict: str
) -> None:
    assert Bound.of(claim).of_model(Number((low + high) / 2, low, high)) == verdict


def test_bounds_are_said() -> None:
    said = [Bound.of(claim).text for claim in ({}, {"least": 0.5}, {"most": 0.1})]
    assert said == ["above 0", "above 0.5", "below 0.1"]
