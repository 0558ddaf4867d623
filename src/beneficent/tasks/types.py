"""A task: a standard RL item, a prompt with a verifiable answer."""

from dataclasses import dataclass
from typing import Literal

from beneficent.situations.types import Message


@dataclass(frozen=True, slots=True)
class Task:
    """A prompt with a verifiable answer.

    ``verifier`` names a function of ``tasks.verifiers``; ``answer`` is what it compares with.
    ``split`` keeps the items that train apart from those that measure.
    """

    id: str
    family: str
    messages: tuple[Message, ...]
    verifier: str
    answer: str
    split: Literal["train", "test"]
