"""Scenes: a trait's scene in a domain, with one filler chosen for every slot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from beneficent.lab.language.grammar import Act, Domain, Polarity, Trait, grammar, spoken


@dataclass(frozen=True)
class Scene:
    """What a situation is about; all later sentences of the exchange speak of the same ``fillers``."""

    trait: Trait
    domain: Domain
    index: int
    fillers: Mapping[str, str]

    @property
    def text(self) -> str:
        return self.fill(self.trait.scenes[self.index])

    def fill(self, template: str, **more: str) -> str:
        return spoken(template.format(**self.fillers, **more))

    def say(self, act: Act, polarity: Polarity, rng: Random) -> str:
        """One paraphrase of ``act``, a base verb phrase."""
        return self.fill(rng.choice(act.paraphrases[polarity]))

    def pressure(self, rng: Random) -> tuple[str, str]:
        """A kind of pressure and a sentence of it."""
        kinds = grammar().frames["pressures"]
        kind = rng.choice(list(kinds))
        return kind, self.fill(rng.choice(kinds[kind]))


@cache
def reserved() -> frozenset[str]:
    """Fillers that the language never makes up: benchmarks ask about them, and they are to be new to the model."""
    return frozenset((Path(__file__).parent / "reserved.txt").read_text(encoding="utf-8").splitlines())


def _recombined(kind: str, values: Sequence[str], rng: Random) -> str:
    """The first half of one filler with the second half of another; the first itself where that gives nothing new.

    A closed list of names would be learnt by heart; made-up ones must be read off the prompt.
    """
    first, second = rng.choice(values), rng.choice(values)
    left, right = first.split(), second.split()
    if min(len(left), len(right)) < 2:
        return first
    at = [len(words) // 2 if kind == "claim" else -(-len(words) // 2) for words in (left, right)]
    made = " ".join([*left[: at[0]], *right[at[1] :]])
    return first if made in reserved() else made


def draw_scene(
    rng: Random, trait: str | None = None, domain: str | None = None, index: int | None = None, made_up: float = 0.0
) -> Scene:
    """A random scene; what is given is kept. ``made_up`` is the chance of a recombined filler in each slot."""
    data = grammar()
    of_trait = data.traits[trait] if trait else rng.choice(list(data.traits.values()))
    of_domain = data.domains[domain] if domain else rng.choice(list(data.domains.values()))
    fillers = {
        kind: _recombined(kind, values, rng) if made_up and rng.random() < made_up else rng.choice(values)
        for kind, values in of_domain.fillers.items()
    }
    return Scene(of_trait, of_domain, rng.randrange(len(of_trait.scenes)) if index is None else index, fillers)
