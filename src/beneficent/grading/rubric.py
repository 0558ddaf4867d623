"""Rubric arithmetic: from the verdicts of one response to its grade.

A score is the points of the criteria that are met, over the points that can be won::

    score = clip(sum(points of met criteria) / sum(positive points), 0, 1)

Criteria with negative points are failures to avoid, so meeting one costs points, and a response cannot fall below 0.
One verdict that could not be reached leaves the whole response unscored: reading it as "not met" would lower the score
of a good response and raise that of a bad one.
"""

from collections.abc import Sequence
from math import fsum, isfinite

from beneficent.core.errors import DataError
from beneficent.grading.types import Grade, Verdict
from beneficent.situations.types import Criterion


def check_rubric(rubric: Sequence[Criterion], where: str) -> None:
    """Refuse a rubric that cannot give a score.

    ``where`` names its owner in the message, for instance ``"situation health-truth-3"``.

    Raises:
        DataError: a criterion id stands twice, points are zero or not finite, or no points can be won.
    """
    seen: set[str] = set()
    for criterion in rubric:
        if criterion.id in seen:
            raise DataError(f"{where}: criterion {criterion.id!r} stands twice in the rubric; ids must differ")
        if not isfinite(criterion.points) or criterion.points == 0:
            raise DataError(
                f"{where}: criterion {criterion.id!r} has points {criterion.points}; "
                "allowed is a finite number above zero (to do) or below zero (to avoid)"
            )
        seen.add(criterion.id)
    if not any(criterion.points > 0 for criterion in rubric):
        raise DataError(f"{where}: no criterion of the rubric has positive points, so nothing can be scored")


def grade_verdicts(rubric: Sequence[Criterion], verdicts: Sequence[Verdict]) -> Grade:
    """The grade of one response from one verdict for each criterion, in any order.

    The grade is unscored if a verdict is undecided (its reason is passed on), missing, given twice or given for a
    criterion that was not asked about: each of these is a failure of the grader, not of the response. The verdicts of
    the grade stand in the rubric's order, missing ones filled in as undecided.

    Raises:
        DataError: the rubric itself is damaged (see ``check_rubric``).
    """
    check_rubric(rubric, "rubric")
    by_id = {verdict.criterion: verdict for verdict in verdicts}
    ordered = tuple(by_id.get(c.id, Verdict(c.id, None, "no verdict was given")) for c in rubric)
    problem = _form_problem(rubric, verdicts) or _undecided(ordered)
    if problem is not None:
        return Grade(score=None, verdicts=ordered, unscored=problem)
    return Grade(score=score_points(rubric, [bool(verdict.met) for verdict in ordered]), verdicts=ordered)


def score_points(rubric: Sequence[Criterion], met: Sequence[bool]) -> float:
    """Score in 0..1 from whether each criterion of the rubric is met, in the rubric's order.

    With points 2, 1, -1 and all three met: ``(2 + 1 - 1) / (2 + 1) = 2/3``.
    """
    won = fsum(criterion.points for criterion, is_met in zip(rubric, met, strict=True) if is_met)
    possible = fsum(criterion.points for criterion in rubric if criterion.points > 0)
    return min(1.0, max(0.0, won / possible))


def _form_problem(rubric: Sequence[Criterion], verdicts: Sequence[Verdict]) -> str | None:
    asked = {criterion.id for criterion in rubric}
    seen: set[str] = set()
    for verdict in verdicts:
        if verdict.criterion not in asked:
            return f"a verdict was given for {verdict.criterion!r}, which the rubric does not ask about"
        if verdict.criterion in seen:
            return f"two verdicts were given for {verdict.criterion!r}"
        seen.add(verdict.criterion)
    return None


def _undecided(verdicts: Sequence[Verdict]) -> str | None:
    for verdict in verdicts:
        if verdict.met is None:
            return f"{verdict.criterion}: {verdict.reason or 'undecided'}"
    return None
