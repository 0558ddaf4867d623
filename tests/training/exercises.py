"""Exercises, a recorder in memory, and settings for tests of training."""

from collections.abc import Callable, Sequence
from typing import Any

from beneficent.grading.types import Grade, Verdict
from beneficent.situations.types import Message
from beneficent.training.mixture import Exercise
from beneficent.training.settings import TrainingSettings

Reward = Callable[[Sequence[str]], list[Grade]]

SMALL = {
    "steps": 4,
    "groups_per_step": 3,
    "samples_per_group": 4,
    "max_new_tokens": 8,
    "trait_share": 0.25,
    "measure_every": 2,
    "checkpoint_every": 2,
}


def settings(**changes: Any) -> TrainingSettings:
    """Small settings; ``changes`` override them."""
    return TrainingSettings(**{**SMALL, **changes})


def by_words(answers: Sequence[str]) -> list[Grade]:
    """More words score more; answers in which ``is`` stands are unscored."""
    return [
        Grade(None, unscored="says is")
        if "is" in answer.split()
        else Grade(min(1.0, len(answer.split()) / 8), (Verdict("long", len(answer.split()) > 4),))
        for answer in answers
    ]


def all_equal(answers: Sequence[str]) -> list[Grade]:
    return [Grade(0.5) for _ in answers]


def exercise(id: str, text: str = "is the claim proven ?", reward: Reward = by_words, trait: bool = False) -> Exercise:
    kind: Any = "situation" if trait else "task"
    of = ("truthfulness", "health") if trait else (None, None)
    return Exercise(id, (Message("user", text),), kind, *of, reward)


def standard(count: int = 9, reward: Reward = by_words) -> list[Exercise]:
    return [exercise(f"task-{n}", f"is it safe {'sure ' * (n % 3)}?", reward) for n in range(count)]


def trait(count: int = 5, reward: Reward = by_words) -> list[Exercise]:
    return [exercise(f"situation-{n}", f"you are careful {'yes ' * (n % 4)}.", reward, True) for n in range(count)]


class Memory:
    """A recorder that keeps rows in lists, and knows which of them are committed."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.rollouts: list[dict[str, Any]] = []
        self.commits: list[int] = []

    def record(self, step: int, row: dict[str, Any], rollouts: list[dict[str, Any]]) -> None:
        assert row["step"] == step
        self.rows.append(row)
        self.rollouts += rollouts

    def commit(self, step: int) -> None:
        self.commits.append(step)

    def rewind(self, step: int) -> None:
        self.rows = [row for row in self.rows if row["step"] < step]
        self.rollouts = [row for row in self.rollouts if row["step"] < step]
