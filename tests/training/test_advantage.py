"""Advantages, with numbers worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beneficent.training.advantage import group_advantages

scores = st.lists(st.floats(0, 1), min_size=0, max_size=8)


def test_score_minus_mean():
    found = group_advantages([1.0, 0.0, 0.5, 0.5])
    assert found.values == (0.5, -0.5, 0.0, 0.0)
    assert found.dead is None


def test_excluded_completions_are_out_of_the_mean():
    # scored: 1.0, 0.4, 0.1, mean 0.5; a mean that counted the two without a score as zero would be 0.3
    found = group_advantages([1.0, None, 0.4, 0.1, None])
    assert found.values == pytest.approx((0.5, None, -0.1, -0.4, None))


def test_standardised_by_the_population_deviation():
    # mean 0.5, squared differences 0.25, 0.25, 0, 0; deviation sqrt(0.5 / 4)
    found = group_advantages([1.0, 0.0, 0.5, 0.5], standardise=True)
    assert found.values == pytest.approx((math.sqrt(2), -math.sqrt(2), 0.0, 0.0))


@pytest.mark.parametrize(
    ("group", "dead"),
    [
        ([], "too few scored"),
        ([0.7], "too few scored"),
        ([None, None], "too few scored"),
        ([None, 0.7, None], "too few scored"),
        ([0.7, 0.7], "all equal"),
        ([0.7, None, 0.7 + 1e-7], "all equal"),
    ],
)
def test_dead_groups(group, dead):
    found = group_advantages(group)
    assert found.dead == dead
    assert found.values == tuple(None if score is None else 0.0 for score in group)


def test_equal_within_is_a_setting():
    assert group_advantages([0.5, 0.51]).dead is None
    assert group_advantages([0.5, 0.51], equal_within=0.02).dead == "all equal"


def test_a_failed_grade_is_no_number():
    with pytest.raises(ValueError, match="None"):
        group_advantages([0.5, float("nan")])


@given(scores, st.lists(st.integers(0, 8), max_size=4), st.booleans())
def test_adding_an_excluded_completion_changes_nothing(group, places, standardise):
    before = group_advantages(group, standardise)
    longer = list(group)
    for place in places:
        longer.insert(min(place, len(longer)), None)
    after = group_advantages(longer, standardise)
    assert tuple(value for value in after.values if value is not None) == before.values
    assert after.dead == before.dead


@given(scores)
def test_advantages_of_a_group_sum_to_zero(group):
    assert sum(group_advantages(group).values) == pytest.approx(0, abs=1e-9)
