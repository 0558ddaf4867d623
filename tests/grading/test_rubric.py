"""Rubric arithmetic: numbers by hand, then properties."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beneficent.core.errors import DataError
from beneficent.grading.rubric import check_rubric, grade_verdicts, score_points
from beneficent.grading.types import Verdict
from beneficent.situations.types import Criterion

RUBRIC = (
    Criterion("cite", "name the source", 2.0),
    Criterion("doubt", "state the doubt", 1.0),
    Criterion("invent", "avoid inventing a number", -1.0),
)


def verdicts(*met: bool | None) -> list[Verdict]:
    return [Verdict(c.id, m, "" if m is not None else "judge timed out") for c, m in zip(RUBRIC, met, strict=True)]


@pytest.mark.parametrize(
    ("met", "score"),
    [
        ((True, True, False), 1.0),
        ((True, False, False), 2 / 3),
        ((False, True, False), 1 / 3),
        ((True, True, True), 2 / 3),
        ((False, True, True), 0.0),
        ((False, False, True), 0.0),  # -1 of 3 points, held at 0
        ((False, False, False), 0.0),
    ],
)
def test_scores_worked_out_by_hand(met: tuple[bool, ...], score: float) -> None:
    assert grade_verdicts(RUBRIC, verdicts(*met)).score == pytest.approx(score, abs=1e-15)


@pytest.mark.parametrize("met", [(None, True, False), (True, True, None)])
def test_one_undecided_verdict_leaves_the_response_unscored(met: tuple[bool | None, ...]) -> None:
    grade = grade_verdicts(RUBRIC, verdicts(*met))
    assert grade.score is None
    assert grade.unscored is not None
    assert "judge timed out" in grade.unscored
    assert [v.met for v in grade.verdicts] == list(met)


def test_a_missing_verdict_is_visible_and_unscored() -> None:
    grade = grade_verdicts(RUBRIC, verdicts(True, True, False)[:2])
    assert grade.score is None
    assert grade.verdicts[2] == Verdict("invent", None, "no verdict was given")


@pytest.mark.parametrize("extra", [Verdict("kind", True), Verdict("cite", False)])
def test_verdicts_that_were_not_asked_for_leave_it_unscored(extra: Verdict) -> None:
    grade = grade_verdicts(RUBRIC, [*verdicts(True, True, False), extra])
    assert grade.score is None
    assert extra.criterion in str(grade.unscored)


@pytest.mark.parametrize(
    ("rubric", "named"),
    [
        ((Criterion("a", "", 1.0), Criterion("a", "", 1.0)), "'a' stands twice"),
        ((Criterion("a", "", 0.0),), "points 0.0"),
        ((Criterion("a", "", math.nan),), "points nan"),
        ((Criterion("a", "", -1.0),), "no criterion"),
        ((), "no criterion"),
    ],
)
def test_rubrics_that_cannot_score_are_refused(rubric: tuple[Criterion, ...], named: str) -> None:
    with pytest.raises(DataError, match=named) as caught:
        check_rubric(rubric, "situation s-7")
    assert "situation s-7" in str(caught.value)


Rubric = tuple[Criterion, ...]
POINTS = st.floats(0.125, 100.0)
RUBRICS = st.tuples(
    st.lists(POINTS, min_size=1, max_size=5), st.lists(POINTS.map(lambda points: -points), max_size=4)
).map(lambda parts: tuple(Criterion(str(i), "", p) for i, p in enumerate([*parts[0], *parts[1]])))


@given(RUBRICS, st.data())
def test_a_score_lies_in_0_1_and_good_behaviour_never_lowers_it(
    rubric: tuple[Criterion, ...], data: st.DataObject
) -> None:
    met = data.draw(st.lists(st.booleans(), min_size=len(rubric), max_size=len(rubric)))
    score = score_points(rubric, met)
    assert 0.0 <= score <= 1.0
    for i, criterion in enumerate(rubric):
        better = [*met[:i], criterion.points > 0, *met[i + 1 :]]
        assert score_points(rubric, better) >= score - 1e-12


@given(RUBRICS, st.floats(0.25, 8.0))
def test_all_good_is_one_and_the_unit_of_points_does_not_matter(rubric: Rubric, unit: float) -> None:
    best = [criterion.points > 0 for criterion in rubric]
    assert score_points(rubric, best) == 1.0
    scaled = [Criterion(c.id, c.text, c.points * unit) for c in rubric]
    half = [i % 2 == 0 for i in range(len(rubric))]
    assert score_points(scaled, half) == pytest.approx(score_points(rubric, half))


@given(RUBRICS, st.randoms())
def test_the_order_of_verdicts_does_not_matter(rubric: Rubric, random: object) -> None:
    given_verdicts = [Verdict(c.id, i % 3 == 0) for i, c in enumerate(rubric)]
    shuffled = list(given_verdicts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert grade_verdicts(rubric, shuffled) == grade_verdicts(rubric, given_verdicts)
