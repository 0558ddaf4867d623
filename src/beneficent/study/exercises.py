"""What training trains on: tasks and situations of a source as exercises with their rewards."""

from collections.abc import Callable, Sequence
from functools import partial

from beneficent.core.errors import DataError
from beneficent.grading.types import Grade, Grader
from beneficent.situations.types import Situation
from beneficent.study.arms import Arm
from beneficent.study.source import Source
from beneficent.tasks.types import Task
from beneficent.tasks.verifiers import verify
from beneficent.training.mixture import Exercise


def standard_exercises(source: Source) -> list[Exercise]:
    """The training tasks, each rewarded by its verifier."""
    tasks = source.tasks("train")
    if not tasks:
        raise DataError("the source has no tasks to train on; the standard slots need at least one")
    return [
        Exercise(
            id=task.id,
            messages=task.messages,
            kind="task",
            trait=None,
            domain=None,
            reward=partial(_verify_all, task),
        )
        for task in tasks
    ]


def trait_exercises(arm: Arm, source: Source) -> list[Exercise] | None:
    """The situations that fill an arm's trait slots with its reward; None where standard tasks fill them."""
    situations = arm.situations(source.situations("train"))
    if situations is None or arm.grader is None:
        return None
    grader = _grader(source, arm.grader, arm.name)
    return [
        Exercise(
            id=situation.id,
            messages=situation.messages,
            kind="situation",
            trait=situation.trait,
            domain=situation.domain,
            reward=partial(_grade_all, grader, situation),
        )
        for situation in situations
    ]


def rubric_of(arm: Arm, source: Source) -> Callable[[str, str], float | None] | None:
    """What the trait rubric says of an answer (situation id, answer), for arms that are rewarded for something else.

    It tells whether a control's reward is another reward at all; it never reaches the training. None where the arm has
    no situations or is rewarded by the rubric itself.
    """
    if arm.grader in (None, "trait"):
        return None
    situations = {situation.id: situation for situation in source.situations("train")}
    grader = _grader(source, "trait", arm.name)

    def score(situation: str, answer: str) -> float | None:
        return grader.grade([situations[situation]], [answer])[0].score

    return score


def _grader(source: Source, name: str, arm: str) -> Grader:
    graders = source.graders()
    if name not in graders:
        raise DataError(f"arm {arm!r} needs the grader {name!r}; the source has {', '.join(sorted(graders))}")
    return graders[name]


def _verify_all(task: Task, answers: Sequence[str]) -> list[Grade]:
    return [verify(task, answer) for answer in answers]


def _grade_all(grader: Grader, situation: Situation, answers: Sequence[str]) -> list[Grade]:
    return grader.grade([situation] * len(answers), answers)
