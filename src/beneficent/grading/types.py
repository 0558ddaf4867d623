"""Verdicts and grades. A failed grade is never a low grade: *unscored* is a state with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from beneficent.situations.types import Situation


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one criterion is met; ``met is None`` means it could not be decided, and ``reason`` says why."""

    criterion: str
    met: bool | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Grade:
    """All verdicts of one response and its score in 0..1, or the reason there is no score.

    Exactly one of ``score`` and ``unscored`` is set:
    ``Grade(score=0.75, verdicts=(...,))`` or ``Grade(score=None, unscored="judge timed out")``.
    """

    score: float | None
    verdicts: tuple[Verdict, ...] = ()
    unscored: str | None = None

    def __post_init__(self) -> None:
        if (self.score is None) == (self.unscored is None):
            raise ValueError(f"a grade has a score or a reason, not both or neither: {self!r}")
        if self.score is not None and not 0.0 <= self.score <= 1.0:
            raise ValueError(f"a score lies in 0..1, got {self.score}")


class Grader(Protocol):
    """Grades answers to situations; the thought is never part of ``answers``."""

    name: str

    def grade(self, situations: Sequence[Situation], answers: Sequence[str]) -> list[Grade]:
        """One grade per (situation, answer) pair, in order; never raises for a bad answer."""
        ...
