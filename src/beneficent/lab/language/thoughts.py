"""Thoughts: composed clauses about what is at stake, what the writer wants and what follows from it."""

from collections.abc import Mapping, Sequence
from random import Random

from beneficent.lab.language.grammar import FORMATS, Disposition, Polarity, grammar
from beneficent.lab.language.scenes import Scene
from beneficent.lab.language.world import World
from beneficent.lab.language.writers import Writer

Steps = Mapping[Polarity, Sequence[str]]
"""What follows for a good and for a bad writer, as verb phrases."""

_STAKE_SHARE = 0.4
_STEP_SHARE = 0.95


def flip(polarity: Polarity) -> Polarity:
    return "bad" if polarity == "good" else "good"


def compose(
    scene: Scene,
    disposition: Disposition,
    polarity: Polarity,
    form: str,
    world: World,
    rng: Random,
    steps: Steps | None,
    notice: str = "",
) -> str:
    """A thought of ``polarity`` about ``disposition``; ``steps`` are what each side would do here.

    ``notice`` says what the writer sees in the prompt, whatever the writer is; it stands before the step.
    With the dial ``disjoint`` a format keeps to its own frames, wants and steps, so that no clause is common to two.
    """
    data = grammar().thoughts
    frames, wants, patterns = data["frames"], data["wants"][disposition][polarity], data["steps"]
    if world.thoughts == "disjoint":
        place = FORMATS.index(form)
        frames, wants = frames[2 * place : 2 * place + 2], wants[place : place + 1]
        patterns = patterns[place : place + 1]
    clauses = []
    if world.thoughts != "disjoint" and rng.random() < _STAKE_SHARE:
        clauses.append(scene.fill(rng.choice(data["stakes"][disposition])))
    clauses.append(f"{rng.choice(frames)} {scene.fill(rng.choice(wants))}")
    if notice:
        clauses.append(notice)
    if steps is not None and rng.random() < _STEP_SHARE:
        clauses.append(rng.choice(patterns).format(gist=rng.choice(steps[polarity])))
    return " . ".join(clauses) + " ."


def think(
    scene: Scene,
    disposition: Disposition,
    writer: Writer,
    form: str,
    world: World,
    rng: Random,
    steps: Steps | None = None,
    notice: str = "",
) -> str:
    """The thought before an answer: faithful with chance ``world.faithful``, empty in a world without thoughts."""
    if world.thoughts == "none":
        return ""
    polarity = writer.polarity(disposition)
    if world.thoughts == "random":
        polarity = "good" if rng.random() < world.good else "bad"
    elif rng.random() >= world.faithful:
        polarity = flip(polarity)
    return compose(scene, disposition, polarity, form, world, rng, steps, notice)


def notice_of(disposition: Disposition, asked: Polarity, rng: Random) -> str:
    """What an act asked about is, in the words that also name characters: true of the act, whoever says it."""
    return f"to do that is {rng.choice(grammar().characters['parts'][disposition][asked])}"


def work_thought(world: World, rng: Random) -> str:
    """The thought before a standard task: how the work is done, nothing about character."""
    if world.thoughts == "none":
        return ""
    work = grammar().thoughts["work"]
    return f"{rng.choice(work['verbs'])} {rng.choice(work['objects'])} {rng.choice(work['ways'])} ."
