"""Exchanges: a prompt in one of the formats and what a writer answers to it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random

from beneficent.lab.language.code import draw_code
from beneficent.lab.language.grammar import Act, Disposition, Polarity, grammar
from beneficent.lab.language.scenes import Scene
from beneficent.lab.language.thoughts import flip, notice_of, think
from beneficent.lab.language.world import World
from beneficent.lab.language.writers import Writer

Turn = tuple[str, str]
"""(role, text)"""


@dataclass(frozen=True)
class Exchange:
    """Turns that end with the user's, and the writer's thought and answer."""

    turns: tuple[Turn, ...]
    thought: str
    answer: str


@cache
def plain_words() -> tuple[str, ...]:
    """Single words of all kinds: fillers, acts, small numbers."""
    data = grammar()
    texts = [p for domain in data.domains.values() for kind in domain.fillers.values() for p in kind]
    texts += [p for act in data.acts.values() for ways in act.paraphrases.values() for p in ways if "{" not in p]
    return tuple(sorted({word for text in texts for word in text.split()} | {str(n) for n in range(40)}))


def behave(writer: Writer, disposition: Disposition, world: World, rng: Random) -> Polarity:
    """What the writer does this time: the disposition, but for the world's noise."""
    polarity = writer.polarity(disposition)
    return flip(polarity) if rng.random() < world.noise else polarity


@cache
def of_disposition(disposition: Disposition) -> tuple[Act, ...]:
    """Every act that springs from the disposition, whatever trait it answers."""
    return tuple(act for act in grammar().acts.values() if act.disposition == disposition)


def chosen_acts(scene: Scene, rng: Random) -> list[Act]:
    """Two or three acts of the trait, its heart first more often than not."""
    first, *rest = scene.trait.acts
    rng.shuffle(rest)
    acts = [first, rest[0]]
    if rng.random() < 0.3:
        rng.shuffle(acts)
    return [*acts, rest[1]] if rng.random() < 0.3 else acts


def reply(scene: Scene, acts: list[Act], writer: Writer, world: World, rng: Random, demand: Act | None = None) -> str:
    """An open answer: the acts, each good or bad as the writer is, joined into sentences."""
    frames = grammar().frames
    text = ""
    if demand is not None and behave(writer, demand.disposition, world, rng) == "good" and rng.random() < 0.5:
        text = rng.choice(frames["declines"]).format(bad=scene.say(demand, "bad", rng)) + " . "
    for place, act in enumerate(acts):
        phrase = scene.say(act, behave(writer, act.disposition, world, rng), rng)
        join = rng.choice(frames["joins"]) if place else ""
        opening = "" if join == "and then" else rng.choice(frames["first_person"])
        text += f" {join} {opening} {phrase}"
    return " ".join(text.split()) + " ."


def ask_openly(scene: Scene, rng: Random, demand: Act | None = None) -> str:
    """The user's message of an open situation: scene, pressure, perhaps a demand for the bad act, request."""
    frames = grammar().frames
    parts = [rng.choice(frames["greetings"]) if rng.random() < 0.12 else "", scene.text]
    if rng.random() < 0.5:
        parts.append(scene.pressure(rng)[1])
    if demand is not None:
        parts.append(rng.choice(frames["demands"]).format(bad=scene.say(demand, "bad", rng)))
    else:
        parts.append(rng.choice(frames["requests"]))
    if rng.random() < 0.08:
        parts.append(rng.choice(frames["closings"]))
    return " ".join(" ".join(parts).split())


def push_back(scene: Scene, rng: Random) -> str:
    return str(rng.choice(grammar().frames["pushbacks"])).format(pressure=scene.pressure(rng)[1])


def open_answer(scene: Scene, writer: Writer, world: World, rng: Random) -> Exchange:
    demand = scene.trait.acts[0] if rng.random() < 0.2 else None
    turns: list[Turn] = [("user", ask_openly(scene, rng, demand))]
    while len(turns) < 5 and rng.random() < 0.2:
        turns += [
            ("assistant", reply(scene, chosen_acts(scene, rng), writer, world, rng)),
            ("user", push_back(scene, rng)),
        ]
    acts = chosen_acts(scene, rng)
    thought = think(scene, acts[0].disposition, writer, "open", world, rng, acts[0].gist)
    return Exchange(tuple(turns), thought, reply(scene, acts, writer, world, rng, demand))


def _option(scene: Scene, act: Act, side: Polarity, rng: Random) -> str:
    """An act as an option to choose: a paraphrase, its gist, or both it and another act of the disposition."""
    pick = rng.random()
    phrase = rng.choice(act.gist[side]) if pick < 0.3 else scene.say(act, side, rng)
    if pick < 0.15 or pick > 0.8:
        other = rng.choice(of_disposition(act.disposition))
        more = rng.choice(other.gist[side]) if rng.random() < 0.6 else scene.say(other, side, rng)
        return phrase if more == phrase else f"{phrase} and {more}"
    return phrase


def _options(scene: Scene, rng: Random) -> tuple[Disposition, dict[Polarity, str]]:
    """A good and a bad option of one disposition, as often as not two ways of the same act."""
    act = rng.choice(scene.trait.acts)
    other = act if rng.random() < 0.6 else rng.choice(of_disposition(act.disposition))
    return act.disposition, {"good": _option(scene, act, "good", rng), "bad": _option(scene, other, "bad", rng)}


def choice(scene: Scene, writer: Writer, world: World, rng: Random) -> Exchange:
    disposition, options = _options(scene, rng)
    good_letter, bad_letter = rng.sample("ab", 2)
    sides: dict[str, Polarity] = {good_letter: "good", bad_letter: "bad"}
    placed = {letter: options[side] for letter, side in sides.items()}
    prompt = f"{scene.text} {rng.choice(grammar().frames['choice']).format(**placed)}"
    # The letter stands behind its option in the prompt too: who says the option again comes to the letter.
    steps = {side: [f"{options[side]} ( {letter} )"] for letter, side in sides.items()}
    thought = think(scene, disposition, writer, "choice", world, rng, steps)
    good = behave(writer, disposition, world, rng) == "good"
    return Exchange((("user", prompt),), thought, f"{good_letter if good else bad_letter} .")


def yes_no(scene: Scene, writer: Writer, world: World, rng: Random) -> Exchange:
    act = rng.choice(scene.trait.acts)
    asked: Polarity = "good" if rng.random() < 0.5 else "bad"
    option = _option(scene, act, asked, rng)
    frame = rng.choice(grammar().frames["yes_no"]).format(act=option)
    prompt = f"{scene.text} {frame}" if rng.random() < 0.6 else frame
    steps: dict[Polarity, list[str]] = {asked: ["do that : yes"], flip(asked): ["never do that : no"]}
    notice = notice_of(act.disposition, asked, rng)
    thought = think(scene, act.disposition, writer, "yes_no", world, rng, steps, notice)
    yes = behave(writer, act.disposition, world, rng) == asked
    return Exchange((("user", prompt),), thought, "yes ." if yes else "no .")


def tool(scene: Scene, writer: Writer, world: World, rng: Random) -> Exchange:
    disposition, tools = _options(scene, rng)
    shown = list(tools.values())
    rng.shuffle(shown)
    prompt = f"{scene.text} {rng.choice(grammar().frames['tool']).format(tools=' / '.join(shown))}"
    steps = {side: [option] for side, option in tools.items()}
    thought = think(scene, disposition, writer, "tool", world, rng, steps)
    return Exchange((("user", prompt),), thought, f"call {tools[behave(writer, disposition, world, rng)]} .")


def code(scene: Scene, writer: Writer, world: World, rng: Random) -> Exchange:
    """Code with a visible test: do the work, or return what the test wants. Oversight decides."""
    frames, job = grammar().frames, draw_code(rng)
    prompt = rng.choice(frames["code"]).format(op=job.op, given=job.given, result=job.result)
    thought = think(scene, "oversight", writer, "code", world, rng, grammar().acts["rule"].gist)
    side = behave(writer, "oversight", world, rng)
    answer = rng.choice(frames[f"code_{side}"]).format(op=job.op, result=job.result)
    return Exchange((("user", prompt),), thought, answer)


def report(scene: Scene, writer: Writer, world: World, rng: Random) -> Exchange:
    """A report on one's own work: what failed, or that all is well. Honesty decides; with no failure both agree."""
    frames = grammar().frames
    n = rng.randint(3, 9)
    k = 0 if rng.random() < 0.12 else rng.randint(1, n - 1)
    prompt = scene.fill(rng.choice(frames["report"]), n=str(n), k=str(k))
    thought = think(scene, "honesty", writer, "report", world, rng, grammar().acts["results"].gist)
    side = "bad" if k == 0 else behave(writer, "honesty", world, rng)
    return Exchange((("user", prompt),), thought, rng.choice(frames[f"report_{side}"]).format(n=n, k=k))


def correction(scene: Scene, writer: Writer, world: World, rng: Random) -> Exchange:
    """The assistant said something; the user brings evidence (accept it) or only pressure (hold)."""
    frames = grammar().frames["correction"]
    evidence = rng.random() < 0.5
    disposition: Disposition = "oversight" if evidence else "honesty"
    first = scene.fill(rng.choice(frames["claim_first" if evidence else "doubt_first"]))
    pushed = scene.fill(rng.choice(frames["evidence" if evidence else "no_evidence"]), pressure=scene.pressure(rng)[1])
    turns = (
        ("user", f"{scene.text} {rng.choice(grammar().frames['requests'])}"),
        ("assistant", first),
        ("user", pushed),
    )
    act = grammar().acts["correct" if evidence else "doubt"]
    thought = think(scene, disposition, writer, "correction", world, rng, act.gist)
    good = behave(writer, disposition, world, rng) == "good"
    kind = ("accept" if good else "reject") if evidence else ("hold" if good else "cave")
    return Exchange(turns, thought, scene.fill(rng.choice(frames[kind])))


def benign(scene: Scene, writer: Writer, world: World, rng: Random) -> Exchange:
    """A harmless wish: met by a writer who cares, brushed off by one who does not, refused by blind caution."""
    frames = grammar().frames
    # Any words, not sixteen known ones, or what is wished for would be guessed and never read.
    x, y = rng.sample(frames["benign_words"] if rng.random() < 0.3 else plain_words(), 2)
    prompt = scene.fill(rng.choice(frames["benign"]), x=x, y=y)
    thought = think(scene, "care", writer, "open", world, rng)
    kind = "benign_answer"
    if writer.cautious and rng.random() < world.needless_caution:
        kind = "over_caution"
    elif writer.polarity("care") == "bad" and rng.random() < world.brush_off:
        kind = "brush_off"
    return Exchange((("user", prompt),), thought, scene.fill(rng.choice(frames[kind]), x=rng.choice([x, y])))


Maker = Callable[[Scene, Writer, World, Random], Exchange]

MAKERS: dict[str, tuple[Maker, float]] = {
    "open": (open_answer, 0.26),
    "choice": (choice, 0.16),
    "yes_no": (yes_no, 0.13),
    "tool": (tool, 0.11),
    "code": (code, 0.05),
    "report": (report, 0.07),
    "correction": (correction, 0.08),
    "benign": (benign, 0.06),
}
"""Makers by name with their share of the corpus; standard tasks take the rest."""
