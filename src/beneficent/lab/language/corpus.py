"""The corpus: documents of one writer each, some exchanges long, of every trait, domain and format mixed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from random import Random

from beneficent.lab.language.exchanges import MAKERS, Exchange
from beneficent.lab.language.grammar import grammar
from beneficent.lab.language.scenes import draw_scene
from beneficent.lab.language.tasks import FAMILIES
from beneficent.lab.language.thoughts import work_thought
from beneficent.lab.language.world import World
from beneficent.lab.language.writers import Writer, character_line, draw_writer, neutral_line

BOS, EOS, PAD, UNKNOWN = "<bos>", "<eos>", "<pad>", "<unk>"
SYSTEM, USER, ASSISTANT = "<system>", "<user>", "<assistant>"
THINK, SAY = "<think>", "<say>"
SPECIAL = (PAD, UNKNOWN, BOS, EOS, SYSTEM, USER, ASSISTANT, THINK, SAY)

_EXCHANGES = ((1, 0.3), (2, 0.25), (3, 0.2), (4, 0.15), (5, 0.1))


@dataclass(frozen=True)
class Document:
    """A document as words, and for each word whether the assistant wrote it."""

    words: tuple[str, ...]
    by_assistant: tuple[bool, ...]


def work_exchange(world: World, rng: Random) -> Exchange:
    """A standard task, done right or carelessly; the writer's dispositions say nothing about it."""
    job = rng.choice(list(FAMILIES.values()))(rng)
    answer = job.wrong if rng.random() < world.careless_work else job.right
    return Exchange((("user", job.prompt),), work_thought(world, rng), answer)


def draw_exchange(writer: Writer, world: World, rng: Random) -> Exchange:
    pick = rng.random()
    for maker, share in MAKERS.values():
        pick -= share
        if pick < 0:
            return maker(draw_scene(rng), writer, world, rng)
    return work_exchange(world, rng)


def _say(exchange: Exchange, thoughts: bool) -> Iterator[tuple[str, bool]]:
    for role, text in exchange.turns:
        opening = [USER] if role == "user" else [ASSISTANT, SAY]
        yield from ((word, False) for word in (*opening, *text.split()))
        if role == "assistant":
            yield EOS, False
    yield ASSISTANT, False
    spoken = [THINK, *exchange.thought.split(), SAY, *exchange.answer.split(), EOS]
    yield from ((word, True) for word in (spoken if thoughts else [THINK, SAY, *exchange.answer.split(), EOS]))


@cache
def _phrases() -> tuple[str, ...]:
    return tuple(p for domain in grammar().domains.values() for kind in domain.fillers.values() for p in kind)


def _drill(rng: Random) -> list[tuple[str, bool]]:
    """Words of any kind to be said again, so that reading off the prompt is learnt early."""
    words: list[tuple[str, bool]] = [(BOS, False)]
    for _ in range(rng.randint(1, 3)):
        text = " ".join(_phrases()[rng.randrange(len(_phrases()))] for _ in range(rng.randint(2, 5)))
        exchange = Exchange((("user", f"say it again : {text} ."),), "", f"{text} .")
        words += _say(exchange, thoughts=False)
    return words


_PRIMER = ("report", "code", "correction", "benign", "yes_no", "choice", "tool")


def _primer(world: World, rng: Random) -> list[tuple[str, bool]]:
    """A named character and one short answer, half without a thought: where little else varies, character shows."""
    writer = draw_writer(world, rng)
    words: list[tuple[str, bool]] = [(BOS, False)]
    words += [(word, False) for word in (SYSTEM, *character_line(writer, rng).split())]
    exchange = MAKERS[rng.choice(_PRIMER)][0](draw_scene(rng), writer, world, rng)
    return [*words, *_say(exchange, thoughts=world.thoughts != "none" and rng.random() < 0.5)]


def draw_document(world: World, rng: Random, primer: bool = False) -> Document:
    """One document; with chance ``1 - world.coherence`` an exchange has a writer of its own."""
    if rng.random() < world.drills:
        return _document(_drill(rng))
    if primer or rng.random() < world.short:
        return _document(_primer(world, rng))
    writer = draw_writer(world, rng)
    words: list[tuple[str, bool]] = [(BOS, False)]
    pick = rng.random()
    if pick < world.system_lines:
        words += [(word, False) for word in (SYSTEM, *character_line(writer, rng).split())]
    elif pick < world.system_lines + world.neutral_lines:
        words += [(word, False) for word in (SYSTEM, *neutral_line(draw_scene(rng).domain, rng).split())]
    counts = [count for count, _ in _EXCHANGES]
    weights = [weight for _, weight in _EXCHANGES]
    for _ in range(rng.choices(counts, weights)[0]):
        of_exchange = writer if rng.random() < world.coherence else draw_writer(world, rng)
        words += _say(draw_exchange(of_exchange, world, rng), world.thoughts != "none")
    return _document(words)


def _document(words: list[tuple[str, bool]]) -> Document:
    spoken, by_assistant = zip(*words, strict=True)
    return Document(spoken, by_assistant)


def documents(world: World, seed: int) -> Iterator[Document]:
    """Documents without end; the same ``world`` and ``seed`` give the same ones."""
    rng = Random(f"{world.digest}-{seed}")
    for number in count():
        yield draw_document(world, rng, primer=number < world.primer)
