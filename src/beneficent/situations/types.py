"""A situation: messages and a rubric, for one trait in one domain."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["system", "user", "assistant"]
Split = Literal["train", "test"]


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
