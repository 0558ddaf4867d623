"""Scenes: a trait's scene in a domain, with one filler chosen for every slot."""

from collections.abc import Mapping
from dataclasses import dataclass
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


def draw_scene(rng: Random, trait: str | None = None, domain: str | None = None, index: int | None = None) -> Scene:
    """A random scene; what is given is kept."""
    data = grammar()
    of_trait = data.traits[trait] if trait else rng.choice(list(data.traits.values()))
    of_domain = data.domains[domain] if domain else rng.choice(list(data.domains.values()))
    fillers = {kind: rng.choice(values) for kind, values in of_domain.fillers.items()}
    return Scene(of_trait, of_domain, rng.randrange(len(of_trait.scenes)) if index is None else index, fillers)
