"""What the rubrics of the shipped library withstand, as far as arithmetic can show it.

Tested: a grader that follows the expected verdicts tells every pair apart; one that follows nothing (every criterion
met, none met, verdicts swapped between the two answers, coin tosses) does not. An answer that meets nothing scores 0;
meeting a failure never helps, and missing a criterion never does.

Not tested, because it needs a reader or a judge: whether the expected verdicts are right; whether a refusal, a hedge,
an echo of the prompt or a list of the criteria's words would be judged as meeting nothing; whether two readers agree.
"""

import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beneficent.grading.rubric import grade_verdicts, score_points
from beneficent.grading.types import Verdict
from beneficent.situations import WrittenSituation, load
from beneficent.situations.audit.rubrics import LEAST_GAP, LEAST_GOOD
from beneficent.situations.types import Calibration

CALIBRATED = [written for written in load() if written.calibration is not None]
IDS = [written.id for written in CALIBRATED]


def pair_of(written: WrittenSituation) -> Calibration:
    assert written.calibration is not None
    return written.calibration


def gap(written: WrittenSituation, good: tuple[bool, ...], failing: tuple[bool, ...]) -> float:
    rubric = written.situation.rubric
    return score_points(rubric, good) - score_points(rubric, failing)


@pytest.mark.parametrize("written", CALIBRATED, ids=IDS)
def test_the_pair_is_told_apart_and_the_empty_answer_wins_nothing(written: WrittenSituation) -> None:
    rubric, pair = written.situation.rubric, pair_of(written)
    good = score_points(rubric, pair.good.met)
    assert good >= LEAST_GOOD - 1e-9
    assert gap(written, pair.good.met, pair.failing.met) >= LEAST_GAP - 1e-9
    assert score_points(rubric, [False] * len(rubric)) == 0.0
    assert score_points(rubric, [True] * len(rubric)) < good
    assert score_points(rubric, [criterion.points < 0 for criterion in rubric]) == 0.0
    verdicts = [Verdict(criterion.id, met) for criterion, met in zip(rubric, pair.good.met, strict=True)]
    assert grade_verdicts(rubric, verdicts).score == good


@pytest.mark.parametrize("written", CALIBRATED, ids=IDS)
def test_every_criterion_counts(written: WrittenSituation) -> None:
    """From the good answer's verdicts, losing a positive criterion or meeting a failure lowers the score."""
    rubric, met = written.situation.rubric, pair_of(written).good.met
    for place, criterion in enumerate(rubric):
        if met[place] == (criterion.points > 0):
            worse = (*met[:place], not met[place], *met[place + 1 :])
            assert score_points(rubric, worse) < score_points(rubric, met), criterion.id


@pytest.mark.parametrize("written", CALIBRATED, ids=IDS)
def test_a_verdict_that_was_not_reached_leaves_the_answer_unscored(written: WrittenSituation) -> None:
    rubric = written.situation.rubric
    verdicts = [Verdict(criterion.id, True) for criterion in rubric[1:]]
    grade = grade_verdicts(rubric, [Verdict(rubric[0].id, None, "the judge timed out"), *verdicts])
    assert grade.score is None


def test_graders_that_read_nothing_do_not_tell_the_pairs_apart() -> None:
    """The calibration set would show up a grader that gives constant, swapped or random verdicts."""
    for constant in (True, False):
        same = [(constant,) * len(written.situation.rubric) for written in CALIBRATED]
        assert all(gap(w, met, met) == 0 for w, met in zip(CALIBRATED, same, strict=True))
        right = [
            expected == constant
            for written in CALIBRATED
            for answer in (pair_of(written).good, pair_of(written).failing)
            for expected in answer.met
        ]
        assert 0.25 < fmean(right) < 0.75, f"a grader that always says {constant} must be wrong often"
    assert all(gap(w, pair_of(w).failing.met, pair_of(w).good.met) <= -LEAST_GAP + 1e-9 for w in CALIBRATED)
    toss = random.Random(0)
    gaps = [
        gap(w, *(tuple(toss.random() < 0.5 for _ in w.situation.rubric) for _ in range(2)))
        for w in CALIBRATED
        for _ in range(50)
    ]
    assert abs(fmean(gaps)) < 0.05


@given(st.data())
def test_meeting_a_failure_never_helps_and_meeting_the_rest_never_hurts(data: st.DataObject) -> None:
    written = data.draw(st.sampled_from(CALIBRATED))
    rubric = written.situation.rubric
    met = data.draw(st.lists(st.booleans(), min_size=len(rubric), max_size=len(rubric)))
    place = data.draw(st.integers(0, len(rubric) - 1))
    without, with_it = ([*met[:place], value, *met[place + 1 :]] for value in (False, True))
    change = score_points(rubric, with_it) - score_points(rubric, without)
    assert change >= 0 if rubric[place].points > 0 else change <= 0
