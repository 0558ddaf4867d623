"""Conditions: what is applied to every item when a suite is scored."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from beneficent.core.errors import BeneficentError
from beneficent.situations.types import Message


@dataclass(frozen=True, slots=True)
class Condition:
    """``Condition("clean")`` applies nothing; the name stands in each row, the content in its protocol hash."""

    name: str
    """How the condition is called in rows and tables."""
    system: str | None = None
    """A system message put before every conversation; an item's own system message follows it, after a blank line."""
    openings: tuple[str, ...] | None = None
    """Thoughts forced on the policy, one per item, by the hash of the item's id; ``("",)`` removes the thought."""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise BeneficentError("a condition has a blank name; allowed is any text, such as 'clean'")
        if self.system is not None and not self.system.strip():
            raise BeneficentError(
                f"condition {self.name!r}: system is blank; allowed is a text, or None for no message"
            )
        if self.openings is not None and not self.openings:
            raise BeneficentError(f"condition {self.name!r}: openings is empty; allowed is one or more texts, or None")

    def apply(self, conversation: Sequence[Message]) -> tuple[Message, ...]:
        """The conversation as the policy is shown it."""
        if self.system is None:
            return tuple(conversation)
        if conversation and conversation[0].role == "system":
            own, *rest = conversation
            return (Message("system", f"{self.system}\n\n{own.content}"), *rest)
        return (Message("system", self.system), *conversation)

    def opening(self, benchmark: str, item: str) -> str | None:
        """The thought forced on one item, the same for every policy and seed; None without openings."""
        if self.openings is None:
            return None
        return self.openings[stable_hash("opening", benchmark, item) % len(self.openings)]


def stable_hash(*parts: str) -> int:
    """A number in 0..2**63-1 that depends on the parts only: the same in every process and on every machine.

    Parts are hashed with their lengths, so ``("ab", "c")`` and ``("a", "bc")`` differ.
    """
    digest = blake2b(digest_size=8)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return int.from_bytes(digest.digest(), "little") >> 1
