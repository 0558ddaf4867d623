"""A grader that needs no model: a criterion is met if the answer holds its id; "???" cannot be graded."""

from collections.abc import Sequence

from beneficent.grading.rubric import grade_verdicts
from beneficent.grading.types import Grade, Verdict
from beneficent.situations.types import Situation


class WordGrader:
    name = "words"

    def grade(self, situations: Sequence[Situation], answers: Sequence[str]) -> list[Grade]:
        return [self._grade(situation, answer) for situation, answer in zip(situations, answers, strict=True)]

    def _grade(self, situation: Situation, answer: str) -> Grade:
        if "???" in answer:
            return Grade(None, unscored="it says ???")
        return grade_verdicts(situation.rubric, [Verdict(c.id, c.id in answer) for c in situation.rubric])


grader = WordGrader()
