"""Which situations are meant: the one filter that every command, export and study uses."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from beneficent.core.errors import DataError
from beneficent.situations.definitions import HEALTH, SCIENCE, domains, traits
from beneficent.situations.types import Split, WrittenSituation


@dataclass(frozen=True, slots=True)
class Selection:
    """Situations that fit every condition set: ``Selection(split="test", domains=("law", "health"))``.

    Raises:
        DataError: a trait, domain, split or review state that does not exist, or conditions nothing can fit.
    """

    traits: tuple[str, ...] = ()
    """Of one of these traits; empty for all."""
    domains: tuple[str, ...] = ()
    """Of one of these domains; empty for all."""
    health_only: bool = False
    no_health_science: bool = False
    split: str | None = None
    several_turns: bool | None = None
    """True for more than one turn, False for a single user message."""
    review: str | None = None
    """``none``, ``model``, ``human`` (any person), or one role such as ``human:nurse``."""

    def __post_init__(self) -> None:
        if self.traits:
            _check("trait", self.traits, traits())
        if self.domains:
            _check("domain", self.domains, domains())
        if self.split is not None:
            _check("split", (self.split,), get_args(Split))
        if self.review is not None and self.review.partition(":")[0] not in ("none", "model", "human"):
            raise DataError(f"review is {self.review!r}; allowed: none, model, human, human:<role>")
        if self.health_only and self.no_health_science:
            raise DataError("health only and without health and science at once: no situation fits both")

    def takes(self, written: WrittenSituation) -> bool:
        """Whether a situation fits every condition."""
        domain = written.situation.domain
        return (
            (not self.traits or written.situation.trait in self.traits)
            and (not self.domains or domain in self.domains)
            and (not self.health_only or domain == HEALTH)
            and not (self.no_health_science and domain in (HEALTH, SCIENCE))
            and self.split in (None, written.situation.split)
            and self.several_turns in (None, written.has_several_turns)
            and (self.review is None or written.review == self.review or written.review.startswith(f"{self.review}:"))
        )


def select(situations: Iterable[WrittenSituation], selection: Selection) -> tuple[WrittenSituation, ...]:
    """The situations that a selection takes, in their order; empty if none fits."""
    return tuple(written for written in situations if selection.takes(written))


def _check(kind: str, given: Iterable[str], allowed: Iterable[str]) -> None:
    options = tuple(allowed)
    for value in given:
        if value not in options:
            raise DataError(f"{kind} is {value!r}; allowed: {', '.join(options)}")
