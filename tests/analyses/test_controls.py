"""What a training adds to random weights: means, intervals over images and draws, and when there is no number."""

import numpy as np
import pytest

from spatialgan.analyses.controls import ahead_of, of_one, over_draws, ratio
from spatialgan.analyses.findings import known_mean

DRAWS = np.random.default_rng(0)
NAN = float("nan")


def test_one_draw_of_weights_is_no_control() -> None:
    images = DRAWS.normal(size=30)
    assert over_draws([ratio(images)]) is None
    assert ahead_of(ratio(images), [ratio(images)]) is None


def test_intervals_are_over_draws_of_weights_too() -> None:
    draws = [ratio(np.full(30, float(i))) for i in range(5)]  # no two images differ
    found = over_draws(draws)
    assert found is not None and found.value == pytest.approx(2)
    error = np.std(range(5), ddof=1) / np.sqrt(5)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.15)
    ahead = ahead_of(ratio(np.full(30, 7.0)), draws)
    assert ahead is not None and ahead.value == pytest.approx(5)
    assert (ahead.low, ahead.high) == pytest.approx((7 - found.high, 7 - found.low), abs=0.3)


def test_images_are_drawn_again_in_common() -> None:
    hard = DRAWS.normal(size=40)  # some images are harder, for every discriminator
    ahead = ahead_of(ratio(hard + 0.1), [ratio(hard) for _ in range(5)])
    assert ahead is not None and ahead.low == pytest.approx(0.1) == ahead.high
    alone = of_one(ratio(hard + 0.1))
    assert alone is not None and alone.high - alone.low > 0.3


def test_unknown_numbers_do_not_count() -> None:
    part, whole = np.array([1.0, 2, 3, 4, 5, NAN, 9]), np.array([2.0, 2, 2, 2, 2, 2, NAN])
    found = of_one(ratio(part, whole))
    assert found is not None and found.value == pytest.approx(1.5)
    few = np.array([1.0, 2, 3, 4, NAN, NAN])  # one less than enough
    assert of_one(ratio(few)) is None and known_mean(few) is None
    full = ratio(np.arange(6.0))
    assert ahead_of(full, [ratio(few), ratio(few)]) is None  # as if every map were empty
    assert ahead_of(ratio(few), [full, full]) is None
    assert ahead_of(full, [full, full, ratio(few)]) is not None
    assert of_one(ratio(part, -whole)) is None  # a share of nothing
