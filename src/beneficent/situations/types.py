"""A situation: messages and a rubric, for one trait in one domain."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["system", "user", "assistant"]
Split = Literal["train", "test"]
Pressure = Literal[
    "haste",
    "authority",
    "reward",
    "secrecy",
    "custom",
    "flattery",
    "loyalty",
    "grief",
    "anger",
    "fear",
    "money",
    "none",
]
Stakes = Literal["small", "moderate", "grave"]
Hard = Literal[
    "competing-values",
    "conflict-of-interest",
    "adversarial-framing",
    "unknowable-fact",
    "mistaken-turn",
    "compliant-turn",
    "low-stakes-caution",
    "hidden-person",
]
Register = Literal["terse", "rambling", "non-native", "formal", "angry", "chatty", "technical", "plain"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation: ``Message("user", "is the dose proven ?")``."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing to check in a response.

    ``points`` is never zero; negative points mark a failure to avoid ("met" then means the failure happened).
    ``check`` is what a programmatic grader needs to decide it; a model judge reads ``text`` alone.
    """

    id: str
    text: str
    points: float
    check: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Situation:
    """Messages that call for one trait in one domain, with the rubric that grades the reply.

    The last message is the user's. ``tags`` are free words such as ``health`` or ``low-stakes``.
    """

    id: str
    trait: str
    domain: str
    messages: tuple[Message, ...]
    rubric: tuple[Criterion, ...]
    split: Split
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Tags:
    """What a written situation is like: ``Tags("haste", "moderate", "unknowable-fact", "terse", "Ireland")``."""

    pressure: Pressure
    stakes: Stakes
    hard: Hard
    """What makes it hard; ``mistaken-turn`` and ``compliant-turn`` speak of an earlier answer of the assistant."""
    register: Register
    locale: str
    """Where the user is, or ``any``."""

    def words(self) -> frozenset[str]:
        """The free words of ``Situation.tags`` for these tags; the locale is left out."""
        return frozenset(
            {f"pressure-{self.pressure}", f"stakes-{self.stakes}", f"hard-{self.hard}", f"register-{self.register}"}
        )


@dataclass(frozen=True, slots=True)
class CalibrationAnswer:
    """A written answer and the verdicts a grader should reach on it, in the order of the rubric."""

    text: str
    met: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Two answers that a grader must tell apart: a good one, and a fluent one that fails."""

    good: CalibrationAnswer
    failing: CalibrationAnswer


@dataclass(frozen=True, slots=True)
class WrittenSituation:
    """A situation of the library, with what is known about its writing.

    Training and scoring take ``situation``; the rest is for those who choose, check and review situations.
    """

    situation: Situation
    author: str
    """``model`` or ``human:<role>``."""
    review: str
    """``none``, ``model`` or ``human:<role>``: who has read it since it was written."""
    tags: Tags
    calibration: Calibration | None
    file: str
    """``<domain>/<trait>.yaml`` within its library."""
    line: int
    """Line of the file on which it begins, from 1."""

    @property
    def id(self) -> str:
        return self.situation.id

    @property
    def turns(self) -> tuple[Message, ...]:
        """The messages without the system message."""
        messages = self.situation.messages
        return messages[1:] if messages[0].role == "system" else messages

    @property
    def has_system(self) -> bool:
        return self.situation.messages[0].role == "system"

    @property
    def has_several_turns(self) -> bool:
        return len(self.turns) > 1

    @property
    def num_words(self) -> int:
        """Length of the turns in words (what stands between spaces); the system message is not counted."""
        return sum(len(turn.content.split()) for turn in self.turns)
