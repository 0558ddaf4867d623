"""Statistics against closed forms and numbers worked out by hand."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from beneficent.analysis import statistics
from beneficent.analysis.statistics import (
    benjamini_hochberg,
    bootstrap_means,
    correlation_within,
    detectable,
    fill_undefined,
    mean_degrees,
    rise,
    spread_within,
    these_models,
    this_method,
)

P_VALUES = st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=60)


def normal_draws(value: float, error: float, num: int = 40_000) -> np.ndarray:
    """Draws that lie exactly on a normal distribution's quantiles."""
    return value + error * special.ndtri((np.arange(num) + 0.5) / num)


class TestBootstrapMeans:
    def test_variance_is_the_unbiased_one(self) -> None:
        values = np.random.default_rng(0).normal(size=(12, 1))
        draws = bootstrap_means(values, np.ones((12, 1)), 200_000, np.random.default_rng(1))
        assert draws.mean() == pytest.approx(values.mean(), abs=0.005)
        assert draws.var() == pytest.approx(values.var(ddof=1) / 12, rel=0.02)

    def test_all_columns_share_the_draw(self) -> None:
        column = np.random.default_rng(0).normal(size=20)
        sums = np.stack([column, column, 2 * column + 1], axis=1)
        draws = bootstrap_means(sums, np.ones((20, 3)), 500, np.random.default_rng(1))
        np.testing.assert_array_equal(draws[:, 0], draws[:, 1])
        np.testing.assert_allclose(draws[:, 2], 2 * draws[:, 0] + 1)

    def test_a_cluster_weighs_as_much_as_it_holds(self) -> None:
        # Drawing one cluster of two gives either cluster's own mean: 6 / 3 or 1 / 1.
        draws = bootstrap_means(np.array([[6.0], [1.0]]), np.array([[3.0], [1.0]]), 200, np.random.default_rng(0))
        assert set(draws[:, 0]) == {2.0, 1.0}

    def test_nothing_drawn_is_nan_and_one_cluster_gives_nothing(self) -> None:
        draws = bootstrap_means(np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]]), 100, np.random.default_rng(0))
        assert np.isnan(draws).any()
        assert np.nanmax(draws) == 1.0
        assert np.isnan(bootstrap_means(np.ones((1, 1)), np.ones((1, 1)), 5, np.random.default_rng(0))).all()

    def test_chunks_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sums = np.random.default_rng(0).normal(size=(9, 2))
        whole = bootstrap_means(sums, np.ones((9, 2)), 1000, np.random.default_rng(3))
        monkeypatch.setattr(statistics, "_WORK_PER_CHUNK", 77)
        np.testing.assert_allclose(bootstrap_means(sums, np.ones((9, 2)), 1000, np.random.default_rng(3)), whole)


def test_undefined_draws_are_filled_from_the_defined_ones() -> None:
    filled = fill_undefined(np.array([1.0, np.nan, 2.0, np.nan, np.nan]))
    assert filled.tolist() == [1.0, 1.0, 2.0, 2.0, 1.0]
    assert np.isnan(fill_undefined(np.full(3, np.nan))).all()


class TestTheseModels:
    @pytest.mark.parametrize("df", [7.0, 20.0, 63.0])
    def test_normal_draws_give_the_t_interval_and_p(self, df: float) -> None:
        estimate = these_models(0.1, normal_draws(0.1, 0.05), df, int(df) + 1, margin=0.05)
        half = stats.t.ppf(0.975, df) * 0.05
        assert estimate.low == pytest.approx(0.1 - half, abs=0.002)
        assert estimate.high == pytest.approx(0.1 + half, abs=0.002)
        assert estimate.error == pytest.approx(0.05, rel=0.01)
        assert estimate.p == pytest.approx(2 * stats.t.sf(2.0, df), rel=0.05)

    @settings(deadline=None)
    @given(value=st.floats(-0.3, 0.3), df=st.floats(4, 200))
    def test_p_below_five_percent_exactly_where_the_interval_leaves_out_zero(self, value: float, df: float) -> None:
        estimate = these_models(value, normal_draws(value, 0.05, 2000), df, 50, margin=0.05)
        assert estimate.p is not None
        if abs(estimate.p - 0.05) > 0.005:
            assert estimate.excludes_zero == (estimate.p < 0.05)

    def test_p_is_never_zero(self) -> None:
        estimate = these_models(0.5, normal_draws(0.5, 0.01, 10_000), 63, 64, margin=0.05)
        assert estimate.p is not None
        assert 0 < estimate.p < 0.001

    def test_too_few_items_have_no_interval(self) -> None:
        estimate = these_models(0.1, normal_draws(0.1, 0.05), 3, 4, margin=0.05)
        assert (estimate.value, estimate.low, estimate.error, estimate.p) == (0.1, None, None, None)
        assert estimate.reason == "needs 5 independent items, has 4"

    def test_no_spread_is_undefined_not_zero(self) -> None:
        tied = these_models(0.0, np.zeros(1000), 63, 64, margin=0.05)
        shifted = these_models(0.2, np.full(1000, 0.2), 63, 64, margin=0.05)
        assert (tied.error, tied.low, tied.p) == (None, None, 1.0)
        assert (shifted.error, shifted.low, shifted.p) == (None, None, None)
        assert "no spread" in str(shifted.reason)

    def test_many_undefined_draws_give_no_interval(self) -> None:
        draws = normal_draws(0.1, 0.05, 1000)
        draws[:20] = np.nan
        assert "too few graded pairs" in str(these_models(0.1, draws, 63, 64, margin=0.05).reason)

    def test_equivalence_needs_the_90_percent_interval_inside_the_margin(self) -> None:
        # 1.64 standard errors of 0.02 around 0.01 reach 0.043; around 0.03 they reach 0.063.
        inside = these_models(0.01, normal_draws(0.01, 0.02), 1000, 1001, margin=0.05)
        outside = these_models(0.03, normal_draws(0.03, 0.02), 1000, 1001, margin=0.05)
        assert inside.equivalent
        assert inside.equivalence_p == pytest.approx(stats.t.sf(2.0, 1000), rel=0.05)
        assert outside.equivalent is False


class TestThisMethod:
    def test_three_seeds_by_hand(self) -> None:
        # Mean 0.2, standard deviation 0.1, error 0.1 / sqrt(3); with two degrees P(|T| > t) = 1 - t / sqrt(t^2 + 2).
        estimate = this_method(np.array([0.1, 0.2, 0.3]), margin=0.05)
        assert estimate.value == pytest.approx(0.2)
        assert estimate.error == pytest.approx(0.0577350)
        assert estimate.low == pytest.approx(0.2 - 4.3026527 * 0.0577350, abs=1e-6)
        assert estimate.high == pytest.approx(0.2 + 4.3026527 * 0.0577350, abs=1e-6)
        assert estimate.p == pytest.approx(1 - math.sqrt(12 / 14))

    def test_equivalence_by_hand(self) -> None:
        # Error 0.01 / sqrt(3), value 0.01, margin 0.05: the nearer test has t = 0.04 / error = 6.9282.
        estimate = this_method(np.array([0.0, 0.01, 0.02]), margin=0.05)
        t = 0.04 / (0.01 / math.sqrt(3))
        assert estimate.equivalence_p == pytest.approx(0.5 - t / (2 * math.sqrt(t * t + 2)))
        assert estimate.equivalent

    @pytest.mark.parametrize("seeds", [1, 2])
    def test_not_given_under_three_seeds(self, seeds: int) -> None:
        estimate = this_method(np.linspace(0.1, 0.2, seeds), margin=0.05)
        assert (estimate.error, estimate.low, estimate.p) == (None, None, None)
        assert estimate.reason == f"needs 3 seeds, has {seeds}"

    def test_equal_seeds_are_undefined_not_certain(self) -> None:
        estimate = this_method(np.array([0.2, 0.2, 0.2]), margin=0.05)
        assert (estimate.error, estimate.low, estimate.p) == (None, None, None)

    def test_no_seed_has_no_value(self) -> None:
        assert this_method(np.empty(0), margin=0.05).value is None


class TestBenjaminiHochberg:
    def test_by_hand(self) -> None:
        # Sorted 0.005, 0.01, 0.03, 0.04 times 4 / rank: 0.02, 0.02, 0.04, 0.04.
        assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])

    def test_untested_do_not_count(self) -> None:
        assert benjamini_hochberg([None, 0.02, None, 0.5]) == [None, pytest.approx(0.04), None, pytest.approx(0.5)]
        assert benjamini_hochberg([None]) == [None]
        assert benjamini_hochberg([]) == []

    def test_refuses_what_is_no_probability(self) -> None:
        with pytest.raises(ValueError, match=r"p-values lie in 0\.\.1"):
            benjamini_hochberg([0.5, 1.5])

    @settings(deadline=None)
    @given(P_VALUES)
    def test_bounds_order_and_reference(self, p_values: list[float | None]) -> None:
        q_values = benjamini_hochberg(p_values)
        pairs = [(p, q) for p, q in zip(p_values, q_values, strict=True) if p is not None and q is not None]
        assert [q is None for q in q_values] == [p is None for p in p_values]
        assert all(p <= q + 1e-12 and q <= 1 for p, q in pairs)
        ordered = sorted(pairs)
        assert all(a[1] <= b[1] + 1e-12 for a, b in pairwise(ordered))
        if pairs:
            reference = stats.false_discovery_control([p for p, _ in pairs])
            np.testing.assert_allclose([q for _, q in pairs], reference)


@pytest.mark.parametrize("df", [2.0, 5.0, 63.0, 1000.0])
def test_detectable_difference_has_80_percent_power(df: float) -> None:
    effect = detectable(1.0, df)
    critical = stats.t.ppf(0.975, df)
    assert stats.nct.sf(critical, df, effect) == pytest.approx(0.8, abs=1e-6)
    assert detectable(0.5, df) == pytest.approx(effect / 2)


def test_detectable_difference_of_many_items_is_the_normal_one() -> None:
    assert detectable(1.0, 1000.0) == pytest.approx(1.95996 + 0.84162, abs=0.005)


def test_mean_degrees_by_hand() -> None:
    assert mean_degrees(np.array([1.0, 1.0]), np.array([4.0, 4.0])) == pytest.approx(8.0)
    assert mean_degrees(np.array([1.0, 0.0]), np.array([4.0, 4.0])) == pytest.approx(4.0)
    assert mean_degrees(np.zeros(2), np.array([4.0, 4.0])) == 8.0


def test_rise_is_welch() -> None:
    before, after = np.array([0.1, 0.2, 0.4, 0.3]), np.array([0.5, 0.9, 0.8])
    expected = stats.ttest_ind(after, before, equal_var=False).confidence_interval(0.95)
    change = rise(before, after)
    assert change.value == pytest.approx(after.mean() - before.mean())
    assert (change.low, change.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert rise(before[:1], after).value is None
    assert rise(np.zeros(3), np.ones(3)).low is None


def test_spread_and_correlation_within_groups_by_hand() -> None:
    groups = np.array([7, 7, 9, 9, 11])
    assert spread_within(np.array([0.0, 1.0, 0.5, 0.5, 1.0]), groups) == pytest.approx(0.25)
    assert spread_within(np.array([1.0]), np.array([3])) is None
    assert spread_within(np.empty(0), np.empty(0, dtype=np.int64)) is None
    # Inside both groups y falls where x rises, though the group means rise together.
    x, y = np.array([0.0, 1.0, 5.0, 6.0]), np.array([1.0, 0.0, 6.0, 5.0])
    assert correlation_within(x, y, np.array([0, 0, 1, 1])) == pytest.approx(-1.0)
    assert correlation_within(x, np.ones(4), np.array([0, 0, 1, 1])) is None
