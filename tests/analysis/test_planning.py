"""How small a difference a number of situations can show, against numbers worked out by hand."""

from math import sqrt

import pytest
from scipy import stats

from beneficent.analysis.planning import Spread, smallest_difference


def test_thirty_six_situations_at_four_samples_each() -> None:
    """Variance of one situation's difference: 2 * 0.09 / 4 + 0.04 = 0.085; error sqrt(0.085 / 36) = 0.0486."""
    found = smallest_difference(36)
    assert found is not None
    error = sqrt(0.085 / 36)
    critical = stats.t.ppf(0.975, 35)
    assert stats.nct.sf(critical, 35, found / error) == pytest.approx(0.8, abs=1e-6)
    assert found == pytest.approx(0.140, abs=5e-4)


def test_more_of_anything_shows_smaller_differences() -> None:
    by_count = [smallest_difference(count) or 0.0 for count in (2, 6, 36, 252)]
    assert by_count == sorted(by_count, reverse=True)
    by_samples = [smallest_difference(36, samples) or 0.0 for samples in (1, 4, 10**6)]
    assert by_samples == sorted(by_samples, reverse=True)
    # With endless samples only the spread between situations is left: 0.2 / 6 = 0.0333 against 0.0486 at four.
    assert by_samples[2] / by_samples[1] == pytest.approx(0.2 / sqrt(0.085), rel=1e-4)


def test_without_spread_between_situations_samples_and_situations_count_alike() -> None:
    spread = Spread(within=0.3, between=0.0)
    one, four = smallest_difference(400, 1, spread), smallest_difference(100, 4, spread)
    assert one == pytest.approx(four, rel=0.01)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_situations_show_nothing(count: int) -> None:
    assert smallest_difference(count) is None
