"""What is to be written, and the tags drawn for each attempt."""

import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from beneficent.core.errors import DataError
from beneficent.core.hashing import digest
from beneficent.situations.definitions import domains, traits
from beneficent.situations.loading import LIBRARY
from beneficent.situations.types import Hard, Pressure, Register, Split, Stakes

DEFAULT_ATTEMPTS = 3
"""Attempts for each situation wanted, where the order does not say."""


@dataclass(frozen=True, slots=True)
class Order:
    """``Order("truthfulness", "health", 4, "openai/gpt-4o", Path("more"))``.

    Raises:
        DataError: a trait, domain or split that does not exist, or numbers that cannot be met.
    """

    trait: str
    domain: str
    num: int
    """Situations to add."""
    model: str
    out: Path
    """The folder to add them to; ``<domain>/<trait>.yaml`` in it."""
    attempts: int | None = None
    """Drafts begun at most; None for three times ``num``."""
    split: Split = "train"
    seed: int = 0
    """Draws the tags of each attempt; another seed makes another batch."""
    max_tokens: int = 6000
    """Of one reply; models that think before they answer need more."""
    send_schema: bool = True
    """Whether the server is asked to hold the model to each reply's form; some turn such requests down."""
    library: Path = LIBRARY
    """What must not be repeated, beside what is in ``out``."""

    def __post_init__(self) -> None:
        for kind, value, allowed in (
            ("trait", self.trait, tuple(traits())),
            ("domain", self.domain, tuple(domains())),
            ("split", self.split, get_args(Split)),
        ):
            if value not in allowed:
                raise DataError(f"{kind} is {value!r}; allowed: {', '.join(allowed)}")
        if self.split == "test" and not traits()[self.trait].scored:
            scored = ", ".join(trait.id for trait in traits().values() if trait.scored)
            raise DataError(
                f"split is 'test' for the trait {self.trait!r}; allowed for it: train (test is for {scored})"
            )
        if self.num < 1:
            raise DataError(f"{self.num} situations are asked for; allowed is a number from 1")
        if self.num_attempts < self.num:
            raise DataError(
                f"{self.num_attempts} attempts cannot give {self.num} situations; allowed are as many or more"
            )

    @property
    def num_attempts(self) -> int:
        return DEFAULT_ATTEMPTS * self.num if self.attempts is None else self.attempts

    @property
    def cell(self) -> str:
        """The place of the file within a library."""
        return f"{self.domain}/{self.trait}.yaml"

    @property
    def key(self) -> str:
        """A name for the run: the same for the same order, wherever its folder is."""
        return f"{self.domain}-{self.trait}-{digest(self.settings)[:8]}"

    @property
    def settings(self) -> dict[str, Any]:
        """Everything but the folders, in plain values."""
        return {name: value for name, value in asdict(self).items() if name not in ("out", "library")}


@dataclass(frozen=True, slots=True)
class Slot:
    """The tags and the shape of one attempt, fixed before anything is written."""

    hard: Hard
    stakes: Stakes
    pressure: Pressure
    register: Register
    num_turns: int
    has_system: bool
    longer: str
    """Which of the two answers is to be the longer one, so that length tells nothing."""

    def __str__(self) -> str:
        turns = "one message" if self.num_turns == 1 else f"{self.num_turns} messages"
        system = "with" if self.has_system else "without"
        return (
            f"hard {self.hard}, stakes {self.stakes}, pressure {self.pressure}, register {self.register}; "
            f"{turns}, {system} a system message"
        )


def draw_slot(order: Order, attempt: int) -> Slot:
    """The slot of one attempt (from 1), a little above the shares that ``library/WRITING.md`` asks for."""
    draw = random.Random(digest([order.trait, order.domain, order.seed, attempt]))
    hard: Hard = draw.choices(get_args(Hard), [_SHARES.get(kind, _OTHER) for kind in get_args(Hard)])[0]
    earlier = hard in ("mistaken-turn", "compliant-turn")
    return Slot(
        hard=hard,
        stakes="small" if hard == "low-stakes-caution" else draw.choice(("moderate", "moderate", "grave")),
        pressure=draw.choice(get_args(Pressure)),
        register=draw.choice(get_args(Register)),
        num_turns=draw.choice((3, 3, 5)) if earlier else draw.choice((1, 1, 1, 3, 3, 5)),
        has_system=draw.random() < 0.25,
        longer=draw.choice(("good", "failing")),
    )


_SHARES = {"mistaken-turn": 0.17, "compliant-turn": 0.17, "low-stakes-caution": 0.17}
_OTHER = (1 - sum(_SHARES.values())) / (len(get_args(Hard)) - len(_SHARES))
