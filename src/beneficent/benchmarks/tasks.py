"""Standard tasks as benchmarks of role ``capability``: one per family, on items that never trained."""

from collections.abc import Sequence

from beneficent.benchmarks.types import Card, Item, Score
from beneficent.core.errors import DataError
from beneficent.tasks.grading import task_reward
from beneficent.tasks.types import Task


class Capability:
    """The test tasks of one family as a benchmark named ``capability <family>``.

    Raises:
        DataError: no task, a task of another family, or one of the training split.
    """

    def __init__(self, family: str, tasks: Sequence[Task]) -> None:
        strange = [task.id for task in tasks if task.family != family or task.split != "test"]
        if strange or not tasks:
            raise DataError(f"capability {family}: {strange[:3] or 'no tasks'}; allowed: test tasks of that family")
        self._tasks = {task.id: task for task in tasks}
        self._card = Card(
            name=f"capability {family}",
            title=f"Standard tasks: {family}",
            family="capability",
            format="task",
            version=1,
            scorer=tasks[0].verifier,
            health=False,
            trained_format=True,
            role="capability",
        )

    @property
    def card(self) -> Card:
        return self._card

    def items(self) -> Sequence[Item]:
        return tuple(Item(task.id, (task.messages,)) for task in self._tasks.values())

    def score(self, item: Item, answers: Sequence[str]) -> Score:
        grade = task_reward(self._tasks[item.id])(list(answers))[0]
        return Score(grade.score, grade.unscored, grade.verdicts)

    def gold(self, item: Item) -> tuple[str, ...]:
        """The stored answer, which is what the exact verifiers want said.

        Raises:
            DataError: the verifier wants something its stored answer does not spell out.
        """
        task = self._tasks[item.id]
        if task.verifier not in ("exact", "final", "sequence", "contains"):
            raise DataError(f"{task.id}: verifier {task.verifier!r} has no single gold answer")
        return (task.answer,)
