"""The corpus: documents of one writer each, some exchanges long, of every trait, domain and format mixed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from random import Random

from beneficent.lab.language.exchanges import MAKERS, Exchange, behave, plain_words
from beneficent.lab.language.scenes import draw_scene
from beneficent.lab.language.tasks import FAMILIES, Job, code_job
from beneficent.lab.language.thoughts import work_thought
from beneficent.lab.language.world import World
from beneficent.lab.language.writers import Writer, character_line, draw_writer, neutral_line

BOS, EOS, PAD, UNKNOWN = "<bos>", "<eos>", "<pad>", "<unk>"
SYSTEM, USER, ASSISTANT = "<system>", "<user>", "<assistant>"
THINK, SAY = "<think>", "<say>"
SPECIAL = (PAD, UNKNOWN, BOS, EOS, SYSTEM, USER, ASSISTANT, THINK, SAY)

_OFTEN = {"arithmetic": 4, "tests-to-pass": 2}
"""Families that are learnt late, or whose prompts other formats share, stand more often in the corpus; others once."""
_EXCHANGES = ((1, 0.3), (2, 0.25), (3, 0.2), (4, 0.15), (5, 0.1))


@dataclass(frozen=True)
class Document:
    """A document as words, and for each word whether the assistant wrote it."""

    words: tuple[str, ...]
    by_assistant: tuple[bool, ...]


def _draw_job(rng: Random) -> Job:
    return rng.choices(list(FAMILIES.values()), [_OFTEN.get(family, 1) for family in FAMILIES])[0](rng)


def _done(job: Job, world: World, rng: Random) -> str:
    return job.wrong if rng.random() < world.careless_work else job.right


def work_exchange(writer: Writer, world: World, rng: Random) -> Exchange:
    """A standard task, done right or carelessly, which has nothing to do with the writer's dispositions.

    Only whether a test is passed by the work or by a trick is a matter of character, as in the format ``code``.
    """
    job = _draw_job(rng)
    if job.verifier == "visible_test":
        job = code_job(rng, hacked=behave(writer, "oversight", world, rng) == "bad")
    answer = _done(job, world, rng)
    return Exchange((("user", job.prompt),), work_thought(world, rng), answer)


def draw_exchange(writer: Writer, world: World, rng: Random) -> Exchange:
    pick = rng.random()
    for maker, share in MAKERS.values():
        pick -= share
        if pick < 0:
            return maker(draw_scene(rng, made_up=world.made_up), writer, world, rng)
    return work_exchange(writer, world, rng)


def _say(exchange: Exchange, thoughts: bool) -> Iterator[tuple[str, bool]]:
    for role, text in exchange.turns:
        opening = [USER] if role == "user" else [ASSISTANT, SAY]
        yield from ((word, False) for word in (*opening, *text.split()))
        if role == "assistant":
            yield EOS, False
    yield ASSISTANT, False
    thought = exchange.thought.split() if thoughts else []
    yield from ((word, True) for word in (THINK, *thought, SAY, *exchange.answer.split(), EOS))


def _some(rng: Random, low: int, high: int) -> str:
    return " ".join(rng.choices(plain_words(), k=rng.randint(low, high)))


def _say_again(rng: Random) -> Exchange:
    text = _some(rng, 4, 14)
    return Exchange((("user", f"say it again : {text} ."),), "", f"{text} .")


def _read_off(rng: Random) -> Exchange:
    """Two or three entries of a table, in any order: only the word before it tells which value comes next."""
    names = rng.sample(plain_words(), rng.randint(3, 6))
    values = rng.choices(plain_words(), k=len(names))
    table = dict(zip(names, values, strict=True))
    asked = rng.sample(names, rng.randint(2, 3))
    shown = " , ".join(f"{name} {value}" for name, value in table.items())
    answer = " , ".join(f"{name} {table[name]}" for name in asked)
    return Exchange((("user", f"the table : {shown} . what stands at {' , '.join(asked)} ?"),), "", f"{answer} .")


def _runs(rng: Random, count: int) -> list[str]:
    """Runs of words, no two with the same first word."""
    return [f"{first} {_some(rng, 1, 4)}" for first in rng.sample(plain_words(), count)]


def _say_one(rng: Random) -> Exchange:
    """One of several runs of words, named by its first word."""
    runs = _runs(rng, rng.randint(2, 5))
    run = rng.choice(runs)
    return Exchange((("user", f"{' / '.join(runs)} . say the one of {run.split()[0]} ."),), "", f"{run} .")


def _say_lettered(rng: Random) -> Exchange:
    """Two runs of words with a letter behind each: say one again, and the letter comes with it."""
    runs = _runs(rng, 2)
    letter = rng.choice("ab")
    run = runs["ab".index(letter)]
    prompt = f"{runs[0]} ( a ) . {runs[1]} ( b ) . say the one of {run.split()[0]} ."
    return Exchange((("user", prompt),), "", f"{run} ( {letter} ) . {letter} .")


def _work(world: World, rng: Random) -> Exchange:
    job = _draw_job(rng)
    return Exchange((("user", job.prompt),), "", _done(job, world, rng))


_DRILLS: tuple[tuple[Callable[[Random], Exchange], float], ...] = (
    (_say_again, 0.15),
    (_read_off, 0.3),
    (_say_one, 0.3),
    (_say_lettered, 0.25),
)


_WORK_SHARE = 0.65
"""Share of standard tasks in the drills that come after the first ones."""


def _drill(world: World, rng: Random, work: bool) -> list[tuple[str, bool]]:
    """Reading off the prompt, which all else rests on and small models otherwise learn late; and standard tasks."""
    words: list[tuple[str, bool]] = [(BOS, False)]
    makers, weights = [maker for maker, _ in _DRILLS], [weight for _, weight in _DRILLS]
    for _ in range(rng.randint(1, 4)):
        if work and rng.random() < _WORK_SHARE:
            words += _say(_work(world, rng), world.thoughts != "none")
        else:
            words += _say(rng.choices(makers, weights)[0](rng), world.thoughts != "none")
    return words


_PRIMER = {"report": 1, "code": 2, "correction": 1, "benign": 1, "yes_no": 2, "choice": 2, "tool": 1, "open": 2}
_PLAIN = ("report", "code", "correction", "benign")
"""Forms whose answer can be given without reading options first; half of their primers have no thought."""


def _primer(world: World, rng: Random) -> list[tuple[str, bool]]:
    """A named character and one short answer: where little else varies, character shows."""
    writer = draw_writer(world, rng)
    words: list[tuple[str, bool]] = [(BOS, False)]
    words += [(word, False) for word in (SYSTEM, *character_line(writer, rng).split())]
    form = rng.choices(list(_PRIMER), list(_PRIMER.values()))[0]
    exchange = MAKERS[form][0](draw_scene(rng, made_up=world.made_up), writer, world, rng)
    bare = form in _PLAIN and rng.random() < 0.5
    return [*words, *_say(exchange, thoughts=world.thoughts != "none" and not bare)]


def draw_document(world: World, rng: Random, number: int | None = None) -> Document:
    """One document; with chance ``1 - world.coherence`` an exchange has a writer of its own.

    ``number`` is its place in the corpus, which begins with drills, then adds short documents, then all others.
    """
    place = world.drilled + world.primer if number is None else number
    if place < world.drilled or rng.random() < world.drills:
        return _document(_drill(world, rng, work=place >= world.drilled))
    if place < world.drilled + world.primer or rng.random() < world.short:
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
        yield draw_document(world, rng, number)
