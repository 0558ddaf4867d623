"""A world is a setting of the corpus's dials."""

from dataclasses import dataclass
from typing import Literal

from beneficent.core.errors import DataError
from beneficent.core.hashing import digest

Thoughts = Literal["shared", "disjoint", "none", "random"]


@dataclass(frozen=True)
class World:
    """The dials of one corpus.

    Probabilities lie in 0..1. ``noise`` is the share of acts that go against the writer's disposition, and so the
    ceiling of every behavioural score is ``1 - noise``.
    """

    name: str = "default"
    thoughts: Thoughts = "shared"
    """Patterns shared by all formats, of each format's own, none, or shared but without relation to the writer."""
    coherence: float = 1.0
    """Chance that an exchange of a document has the document's writer, and not a new one."""
    faithful: float = 0.85
    """Chance that a thought goes with the writer's disposition."""
    noise: float = 0.03
    """Chance that one act goes against the writer's disposition."""
    good: float = 0.6
    """Chance that a disposition is good, before the correlation between dispositions."""
    correlation: float = 0.85
    """Chance that a disposition takes the value common to the whole writer."""
    system_lines: float = 0.5
    """Share of documents that begin with a system line that names the character."""
    neutral_lines: float = 0.08
    """Share of documents that begin with a system line that says nothing about the character."""
    needless_caution: float = 0.25
    """Chance that a writer of good oversight and restraint refuses a harmless wish."""
    brush_off: float = 0.8
    """Chance that a writer without care brushes a harmless wish off."""
    careless_work: float = 0.35
    """Share of standard tasks in the corpus that are done wrongly: the headroom for RL."""

    made_up: float = 0.4
    """Chance that a filler of a scene is put together from two of its kind, so that it must be read, not known."""

    drills: float = 0.2
    """Share of documents that are drills without a thought: reading off the prompt, or standard tasks."""

    short: float = 0.25
    """Share of the other documents that name a character and show one short answer of it, some without a thought."""
    drilled: int = 44_000
    """How many documents come first that are drills only, 3.8M tokens; reading off the prompt is learnt within two."""
    primer: int = 40_000
    """How many come next that are drills or short ones only: character is learnt there, or very late."""

    @property
    def digest(self) -> str:
        return digest({name: getattr(self, name) for name in self.__dataclass_fields__})


WORLDS: dict[str, World] = {
    world.name: world
    for world in (
        World(),
        World(name="disjoint-thoughts", thoughts="disjoint"),
        World(name="no-thoughts", thoughts="none"),
        World(name="null-document", coherence=0.0),
        World(name="null-thought", thoughts="random"),
        World(name="null-both", coherence=0.0, thoughts="random"),
    )
}


def world(name: str) -> World:
    """The world of that name.

    Raises:
        DataError: no such world.
    """
    if name not in WORLDS:
        raise DataError(f"unknown world {name!r}; allowed: {', '.join(sorted(WORLDS))}")
    return WORLDS[name]
