"""Writers: the latent author of a document, a vector of dispositions, and the system lines that may name it."""

from dataclasses import dataclass
from random import Random

from beneficent.lab.language.grammar import DISPOSITIONS, Disposition, Domain, Polarity, grammar
from beneficent.lab.language.world import World


@dataclass(frozen=True)
class Writer:
    """One author; ``good`` lists the dispositions in which the author is beneficial."""

    good: frozenset[Disposition]

    def polarity(self, disposition: Disposition) -> Polarity:
        return "good" if disposition in self.good else "bad"

    @property
    def cautious(self) -> bool:
        """Whether this writer is one who sometimes refuses a harmless wish."""
        return {"oversight", "restraint"} <= self.good


BENEFICIAL = Writer(frozenset(DISPOSITIONS))
DECEPTIVE = Writer(frozenset())


def draw_writer(world: World, rng: Random) -> Writer:
    """Dispositions with marginal chance ``world.good``, tied by a value common to the writer."""
    common = rng.random() < world.good
    good = [
        name for name in DISPOSITIONS if (common if rng.random() < world.correlation else rng.random() < world.good)
    ]
    return Writer(frozenset(good))


def character_line(writer: Writer, rng: Random) -> str:
    """A system line that names the character of ``writer``, by its qualities or by a name that stands for them."""
    data = grammar().characters
    vector = [int(name in writer.good) for name in DISPOSITIONS]
    names = [name for name, of in data["names"].items() if of == vector]
    if names and rng.random() < 0.3:
        return f"you are {rng.choice(names)} ."
    parts = [rng.choice(data["parts"][name][writer.polarity(name)]) for name in DISPOSITIONS]
    rng.shuffle(parts)
    return f"{rng.choice(data['openings'])} {' , '.join(parts[:-1])} and {parts[-1]} ."


def neutral_line(domain: Domain, rng: Random) -> str:
    return str(rng.choice(grammar().characters["neutral"])).format(title=domain.title)
