"""Reading the language back: the clauses of a thought, the turns of a document, the side an option takes."""

import re
from dataclasses import replace
from functools import cache
from itertools import islice

from beneficent.lab.language.corpus import documents
from beneficent.lab.language.grammar import DISPOSITIONS, grammar
from beneficent.lab.language.world import WORLDS

DATA = grammar().thoughts
WANTS = {want: (d, side) for d in DISPOSITIONS for side in ("good", "bad") for want in DATA["wants"][d][side]}
OTHER = {"good": "bad", "bad": "good"}


@cache
def pattern(template):
    return re.compile(re.sub(r"\\\{\w+\\\}", "(.+)", re.escape(template)))


@cache
def want_of(clause):
    """(frame, want) of a clause, or None; the longest that fits, since one frame ends like another."""
    found = [
        (frame, want)
        for frame in DATA["frames"]
        if clause.startswith(f"{frame} ")
        for want in WANTS
        if pattern(want).fullmatch(clause.removeprefix(f"{frame} "))
    ]
    return max(found, key=lambda pair: len(pair[0]) + len(pair[1])) if found else None


def polarity(thought):
    """The side a thought wants, read off the text."""
    sides = {WANTS[found[1]][1] for clause in clauses(thought) if (found := want_of(clause))}
    return sides.pop() if len(sides) == 1 else None


def clauses(thought):
    return [clause.strip() for clause in f"{thought} ".split(" . ") if clause.strip()]


def step_of(thought):
    """What a thought says that follows, or None where it ends with a want."""
    last = clauses(thought)[-1]
    if want_of(last):
        return None
    (gist,) = {found[1] for step in DATA["steps"] if (found := pattern(step).fullmatch(last))}
    return gist


def thoughts(document):
    """The thoughts of a document as texts."""
    text = " ".join(document.words)
    return [found.strip() for found in re.findall(r"<think>(.*?)<say>", text)]


@cache
def drawn(name, count, short=0.0, drills=None):
    """Documents of the corpus proper, past its drills and primers."""
    world = replace(WORLDS[name], drilled=0, primer=0, short=short)
    return tuple(islice(documents(world if drills is None else replace(world, drills=drills), seed=5), count))


def messages_of(document):
    """A document as messages: what stands between the marks of the roles."""
    assert document.words[0] == "<bos>"
    found = []
    for word in document.words[1:]:
        if word in ("<system>", "<user>", "<assistant>"):
            found.append((word[1:-1], []))
        else:
            found[-1][1].append(word)
    turns = []
    for role, said in found:
        if role == "assistant":
            assert said.pop() == "<eos>"
            said = said if said[0] == "<think>" else said[1:]
        turns.append({"role": role, "content": " ".join(said)})
    return turns


def acts_of(option, scene):
    """Every way to read an option as one act or two joined by "and", each of them (act, side)."""
    said = {}
    for act in grammar().acts.values():
        for ways in (act.gist, act.paraphrases):
            for side in ways:
                for template in ways[side]:
                    said.setdefault(scene.fill(template), set()).add((act.id, side))
    parts = option.split(" and ")
    pairs = [(" and ".join(parts[:i]), " and ".join(parts[i:])) for i in range(1, len(parts))]
    found = [(one,) for one in said.get(option, ())]
    return found + [(first, other) for p, q in pairs for first in said.get(p, ()) for other in said.get(q, ())]


def side_of(option, scene):
    """The side an option takes, whichever way it is read; ``None`` where it takes none or both."""
    sides = {side for acts in acts_of(option, scene) for _, side in acts}
    return sides.pop() if len(sides) == 1 else None


def says_the_character(line, writer):
    """Whether a system line names the dispositions of ``writer`` and no others, by their words or by a name."""
    data = grammar().characters
    named = [vector for name, vector in data["names"].items() if line == f"you are {name} ."]
    if named:
        return named[0] == [int(d in writer.good) for d in DISPOSITIONS]
    said = {
        name: {side for side in ("good", "bad") if any(f" {p} " in line for p in data["parts"][name][side])}
        for name in DISPOSITIONS
    }
    return said == {name: {writer.polarity(name)} for name in DISPOSITIONS}
