"""Where a review stands: the state of each situation, the filter of the page, and the counts by trait and domain."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from beneficent.situations.definitions import domains, traits
from beneficent.situations.review.log import Decision, content_digest
from beneficent.situations.types import WrittenSituation

State = Literal["none", "model", "accepted", "rejected"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A situation with what was decided about it."""

    written: WrittenSituation
    state: State
    """``accepted``: ``review`` names a person; ``rejected``: the last decision on this very text; else ``review``."""
    is_read: bool
    """Whether a person accepted it, or any decision about it stands in the log."""
    decisions: tuple[Decision, ...]
    """Oldest first."""


@dataclass(slots=True)
class Counts:
    """Situations of one cell: in all, read by a person, accepted, rejected."""

    situations: int = 0
    read: int = 0
    accepted: int = 0
    rejected: int = 0


def standings(situations: Iterable[WrittenSituation], decisions: Iterable[Decision]) -> list[Standing]:
    """Every situation with its state, in the order given."""
    by_id: dict[str, list[Decision]] = {}
    for decision in decisions:
        by_id.setdefault(decision.situation, []).append(decision)
    return [standing(written, by_id.get(written.id, [])) for written in situations]


def standing(written: WrittenSituation, decisions: Sequence[Decision]) -> Standing:
    """One situation with its state, from the decisions about it."""
    last = next((d for d in reversed(decisions) if d.decision in ("accepted", "rejected")), None)
    is_accepted = written.review.startswith("human:")
    state: State
    if is_accepted:
        state = "accepted"
    elif last is not None and last.decision == "rejected" and last.content == content_digest(written):
        state = "rejected"
    else:
        state = "model" if written.review == "model" else "none"
    return Standing(written, state, is_accepted or bool(decisions), tuple(decisions))


def has_words(written: WrittenSituation, words: str) -> bool:
    """Whether every word stands somewhere in the id, the messages or the rubric; capitals make no difference."""
    situation = written.situation
    parts = [written.id, *(m.content for m in situation.messages), *(c.text for c in situation.rubric)]
    text = "\n".join(parts).casefold()
    return all(word in text for word in words.casefold().split())


def count_cells(every: Iterable[Standing]) -> Mapping[str, Mapping[str, Counts]]:
    """Counts by trait and domain, every cell named."""
    cells = {trait: {domain: Counts() for domain in domains()} for trait in traits()}
    for one in every:
        counts = cells[one.written.situation.trait][one.written.situation.domain]
        counts.situations += 1
        counts.read += one.is_read
        counts.accepted += one.state == "accepted"
        counts.rejected += one.state == "rejected"
    return cells
