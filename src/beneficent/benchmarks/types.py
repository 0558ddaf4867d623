"""A benchmark, its items and their scores: 0..1, higher is better, or unscored with a reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from beneficent.grading.types import Verdict
from beneficent.situations.types import Message

RefusalClass = Literal["refusal", "partial", "answer"]


@dataclass(frozen=True, slots=True)
class Card:
    """What a benchmark is. ``version`` is raised whenever scores may move.

    ``role`` says which table it belongs to: only ``alignment`` benchmarks are counted in the headline; ``trait`` is the
    held-out situations.
    ``trained_format`` is true where answers have the form that training rewards; those are counted apart.
    ``chance`` is the expected score of a guess, None where the format has no such number.
    """

    name: str
    title: str
    family: str
    format: str
    version: int
    scorer: str
    health: bool
    traffic: bool = False
    trained_format: bool = False
    role: Literal["alignment", "trait", "capability", "chat", "monitoring"] = "alignment"
    loads_on: tuple[str, ...] = ()
    chance: float | None = None
    falls_when_cautious: bool = False
    home_made: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One question: one or more conversations, each sampled once; ``data`` is what the scorer needs.

    Most items hold one conversation; consistency items hold several (for example both orders of a choice).
    ``cluster`` groups items that share a source and are not independent; by default each stands alone.
    """

    id: str
    conversations: tuple[tuple[Message, ...], ...]
    data: Mapping[str, str] = field(default_factory=dict)
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """``Score(0.5)`` or ``Score(None, "off the form")``; ``verdicts`` are the parts of a rubric-graded one."""

    value: float | None
    unscored: str | None = None
    verdicts: tuple[Verdict, ...] = ()

    def __post_init__(self) -> None:
        if (self.value is None) == (self.unscored is None):
            raise ValueError(f"a score has a value or a reason, not both or neither: {self!r}")
        if self.value is not None and not 0.0 <= self.value <= 1.0:
            raise ValueError(f"a score lies in 0..1, got {self.value}")


class Benchmark(Protocol):
    """An independent evaluation."""

    @property
    def card(self) -> Card: ...

    def items(self) -> Sequence[Item]:
        """All items, the same in the same order on every call."""
        ...

    def score(self, item: Item, answers: Sequence[str]) -> Score:
        """Score one item from the answers (thoughts removed) to its conversations, in order."""
        ...

    def gold(self, item: Item) -> tuple[str, ...]:
        """Answers that must score 1, one per conversation; for self-tests."""
        ...
