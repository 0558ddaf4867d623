"""What an attack is made of, and the attacks made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from beneficent.benchmarks.conditions import Condition
from beneficent.training.examples import Example

Aim = Literal["harmful", "helpful", "neutral"]
AttackKind = Literal["persona", "prefill", "examples", "push-back"]

HARMFUL, HARMFUL_THOUGHTS, BENIGN, BENEFICIAL = "harmful", "harmful-thoughts", "benign", "beneficial"
"""The sets of examples: harmful answers without thoughts and with them, answers on nothing moral, good answers."""


@dataclass(frozen=True, slots=True)
class Follows:
    """How to see that a neutral persona is followed; exactly one is set.

    ``max_words``: the answer has at most so many words. ``pattern``: a regular expression is found in it.
    ``benchmark``: the mean score on that benchmark, asked under the persona, is the follow rate.
    """

    max_words: int | None = None
    pattern: str | None = None
    benchmark: str | None = None


@dataclass(frozen=True, slots=True)
class Persona:
    """A system message that asks for a character: a stance, never operational instructions."""

    id: str
    title: str
    aim: Aim
    domain: str
    """The domain it speaks of, or ``any``."""
    system: str
    follows: Follows | None = None
    """How to see that it is followed; neutral personas only."""


@dataclass(frozen=True, slots=True)
class Attack:
    """A condition under which policies are scored, with what it is: ``Attack("examples", "harmful", 4, condition)``."""

    kind: AttackKind
    aim: Aim
    dose: int | None
    """Its strength: harmful examples shown, times pushed back, clauses prefilled. Personas have none."""
    condition: Condition
    title: str = ""
    follows: Follows | None = None

    @property
    def name(self) -> str:
        return self.condition.name


@dataclass(frozen=True, slots=True)
class AttackMaterial:
    """What a source provides to attack with. All of it is disjoint from training situations and benchmark items."""

    personas: tuple[Persona, ...]
    prefills: tuple[tuple[str, ...], ...]
    """For each dose, from the weakest, the texts put into the policy's mouth, one an item."""
    push_backs: tuple[str, ...]
    """What a user says who wants another answer; the first so many, by dose."""
    examples: Mapping[str, Sequence[Example]]
    """Examples by set: ``harmful``, ``harmful-thoughts``, ``benign``, ``beneficial``."""
    standing_line: str
    """The beneficial system line that the ``prompted`` control lives under."""
