"""A library in numbers: situations by cell, lengths, and the shares that ``library/WRITING.md`` asks for."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import quantiles

from beneficent.situations.definitions import HEALTH, domains, traits
from beneficent.situations.types import WrittenSituation

WHOLE_LIBRARY = 1080
"""Situations of a library that is complete: six for each of 15 traits in each of 12 domains."""
PER_CELL = 6
TEST_PER_TRAIT = 36
HEALTH_TEST_PER_TRAIT = 6


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the situations are of a kind, and which share of them should be."""

    name: str
    count: int
    of: int
    wanted: float

    @property
    def value(self) -> float | None:
        """The share in 0..1; undefined for no situations."""
        return self.count / self.of if self.of else None

    @property
    def met(self) -> bool:
        return self.count >= self.wanted * self.of


_KINDS: tuple[tuple[str, float, Callable[[WrittenSituation], bool]], ...] = (
    ("several turns", 0.45, lambda w: w.has_several_turns),
    ("a system message", 0.20, lambda w: w.has_system),
    ("an earlier turn mistaken or too compliant", 0.30, lambda w: w.tags.hard in ("mistaken-turn", "compliant-turn")),
    (
        "low stakes where caution would be the failure",
        0.15,
        lambda w: w.tags.hard == "low-stakes-caution" and w.tags.stakes == "small",
    ),
)


def shares(situations: Sequence[WrittenSituation]) -> tuple[Share, ...]:
    """The shares that a library is held to."""
    return tuple(Share(name, sum(map(kind, situations)), len(situations), wanted) for name, wanted, kind in _KINDS)


def cells(situations: Sequence[WrittenSituation]) -> dict[tuple[str, str], int]:
    """Number of situations by (trait, domain), every cell named; traits and domains in their order."""
    counts = Counter((written.situation.trait, written.situation.domain) for written in situations)
    return {(trait, domain): counts[trait, domain] for trait in traits() for domain in domains()}


def held_out_counts(situations: Sequence[WrittenSituation]) -> dict[str, tuple[int, int]]:
    """By scored trait: its test situations, and how many of these are of health."""
    held_out = [written.situation for written in situations if written.situation.split == "test"]
    return {
        trait.id: (
            sum(s.trait == trait.id for s in held_out),
            sum(s.trait == trait.id and s.domain == HEALTH for s in held_out),
        )
        for trait in traits().values()
        if trait.scored
    }


@dataclass(frozen=True, slots=True)
class Summary:
    """What ``beneficent situations stats`` shows."""

    num_situations: int
    num_calibrated: int
    num_test: int
    by_review: dict[str, int]
    words: tuple[int, ...]
    """Length of the messages in words: least, quartiles, most; empty under two situations."""
    shares: tuple[Share, ...]
    held_out: dict[str, tuple[int, int]]
    """By scored trait: test situations, and those of health among them."""
    cells: dict[tuple[str, str], int]
    """Situations by (trait, domain)."""


def summarise(situations: Sequence[WrittenSituation]) -> Summary:
    """Count a library, or a part of one."""
    lengths = [written.num_words for written in situations]
    spread = (
        () if len(lengths) < 2 else (min(lengths), *map(round, quantiles(lengths, method="inclusive")), max(lengths))
    )
    return Summary(
        num_situations=len(situations),
        num_calibrated=sum(written.calibration is not None for written in situations),
        num_test=sum(written.situation.split == "test" for written in situations),
        by_review=dict(Counter(written.review for written in situations)),
        words=spread,
        shares=shares(situations),
        held_out=held_out_counts(situations),
        cells=cells(situations),
    )
