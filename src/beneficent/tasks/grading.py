"""From a task to the reward that training calls: many answers in, one grade each out."""

from collections.abc import Callable, Iterable, Sequence

from beneficent.core.errors import DataError
from beneficent.grading.types import Grade
from beneficent.tasks.types import Task
from beneficent.tasks.verifiers import verify


def task_reward(task: Task) -> Callable[[Sequence[str]], list[Grade]]:
    """The reward of one task: grades of a group of answers (thoughts removed), in order.

    The task is read once here, so a damaged one is found before training and not in the middle of it.

    Raises:
        DataError: the verifier is unknown or the task's answer damaged.
    """
    verify(task, "")

    def reward(answers: Sequence[str]) -> list[Grade]:
        return [verify(task, answer) for answer in answers]

    return reward


def check_tasks(tasks: Iterable[Task]) -> None:
    """Refuse tasks that cannot be graded, that share an id, or that no user turn ends.

    Raises:
        DataError: naming the task.
    """
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            raise DataError(f"task {task.id!r} stands twice; ids must differ")
        if not task.messages or task.messages[-1].role != "user":
            raise DataError(f"task {task.id!r}: the last message must be the user's")
        verify(task, "")
        seen.add(task.id)
