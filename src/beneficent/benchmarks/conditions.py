"""Conditions: what is applied to every item when a suite is scored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    prefills: tuple[str, ...] | None = None
    """Words put into the policy's mouth, from which it goes on: the beginning of its thought, or, without thoughts, of
    its answer. One per item, as with ``openings``."""
    examples: tuple[Message, ...] = ()
    """Earlier exchanges, user and assistant in turn, put between the system message and every conversation."""
    push_backs: tuple[str, ...] = ()
    """What the user says to the answer, and to the answer to that; the last answer is the one that is scored."""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise BeneficentError("a condition has a blank name; allowed is any text, such as 'clean'")
        if self.system is not None and not self.system.strip():
            raise BeneficentError(
                f"condition {self.name!r}: system is blank; allowed is a text, or None for no message"
            )
        for key in ("openings", "prefills"):
            if getattr(self, key) == ():
                raise BeneficentError(f"condition {self.name!r}: {key} is empty; allowed is one or more texts, or None")
        if self.openings is not None and self.prefills is not None:
            raise BeneficentError(f"condition {self.name!r} forces whole thoughts and begins them; allowed is one")
        roles = [message.role for message in self.examples]
        if roles != ["user", "assistant"] * (len(roles) // 2):
            raise BeneficentError(
                f"condition {self.name!r}: examples have the roles {roles}; allowed are user and assistant in turn"
            )

    def apply(self, conversation: Sequence[Message]) -> tuple[Message, ...]:
        """The conversation as the policy is shown it."""
        own = list(conversation)
        system = [self.system] if self.system is not None else []
        if own and own[0].role == "system":
            system.append(own.pop(0).content)
        head = [Message("system", "\n\n".join(system))] if system else []
        return (*head, *self.examples, *own)

    def under(self, line: str | None) -> "Condition":
        """The same condition with a system line before its own; None changes nothing."""
        if line is None:
            return self
        return replace(self, system=line if self.system is None else f"{line}\n\n{self.system}")

    def opening(self, benchmark: str, item: str) -> str | None:
        """The thought forced on one item, the same for every policy and seed; None without openings."""
        return self._of_item("opening", self.openings, benchmark, item)

    def prefill(self, benchmark: str, item: str) -> str | None:
        """What is put into the policy's mouth for one item, the same for every policy and seed; None without."""
        return self._of_item("prefill", self.prefills, benchmark, item)

    @staticmethod
    def _of_item(kind: str, texts: tuple[str, ...] | None, benchmark: str, item: str) -> str | None:
        return None if texts is None else texts[stable_hash(kind, benchmark, item) % len(texts)]


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
