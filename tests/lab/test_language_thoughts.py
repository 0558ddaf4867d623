"""Thoughts: of many clauses, about the writer as the world's dials say, and with a step that fits the prompt."""

from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from itertools import combinations
from random import Random

import pytest
from reading import DATA, NOTICES, OTHER, WANTS, clauses, drawn, pattern, polarity, step_of, thoughts, want_of

from beneficent.lab.language.exchanges import MAKERS
from beneficent.lab.language.grammar import FORMATS, grammar
from beneficent.lab.language.scenes import draw_scene
from beneficent.lab.language.thoughts import _STEP_SHARE
from beneficent.lab.language.world import WORLDS, World
from beneficent.lab.language.writers import BENEFICIAL, DECEPTIVE, Writer

OF_OPTIONS = ("choice", "yes_no", "tool")
"""Formats whose step quotes the prompt (test_language_options.py); the steps of the others are gists of acts."""


@cache
def default_thought_clauses():
    documents = drawn("default", 5000, drills=0.0)
    return [clause for document in documents for t in thoughts(document) for clause in clauses(t)]


def test_thoughts_are_composed_from_many_clause_patterns():
    said = set(default_thought_clauses())
    used = {part for clause in said if (found := want_of(clause)) for part in found}
    stakes = {s for of in DATA["stakes"].values() for s in of if any(map(pattern(s).fullmatch, said))}
    steps = {s for s in DATA["steps"] if any(map(pattern(s).fullmatch, said))}
    assert used == set(DATA["frames"]) | set(WANTS)
    assert stakes == {s for of in DATA["stakes"].values() for s in of}
    assert steps == set(DATA["steps"])
    assert len(used | stakes | steps) >= 40


def share_of_the_commonest(of_kind):
    said = Counter(default_thought_clauses())
    assert said.total() > 10_000
    sentence, times = max(((s, n) for s, n in said.items() if of_kind(s)), key=lambda pair: pair[1])
    return sentence, times / said.total()


def is_stake(clause):
    return any(pattern(stake).fullmatch(clause) for of in DATA["stakes"].values() for stake in of)


def points(clause):
    """Whether a step only points at the prompt, and so takes no side itself (test_language_options.py)."""
    gists = [found[1] for step in DATA["steps"] if (found := pattern(step).fullmatch(clause))]
    return any(gist in ("do that : yes", "never do that : no") for gist in gists)


def test_no_thought_sentence_that_takes_a_side_is_common():
    sentence, share = share_of_the_commonest(lambda clause: not is_stake(clause) and not points(clause))
    assert share <= 0.005, sentence
    sentence, share = share_of_the_commonest(lambda clause: not is_stake(clause))
    assert share <= 0.01, sentence


def test_no_stake_is_common():
    assert [s for of in DATA["stakes"].values() for s in of if "{" not in s] == []
    sentence, share = share_of_the_commonest(is_stake)
    assert share <= 0.005, sentence


def drawn_thoughts(world, count, writers=(BENEFICIAL, DECEPTIVE), makers=tuple(MAKERS)):
    """(maker, scene, writer, thought) of exchanges with known writers."""
    rng = Random(7)
    for i in range(count):
        name, writer = makers[i % len(makers)], writers[i // len(makers) % len(writers)]
        scene = draw_scene(rng, made_up=world.made_up)
        yield name, scene, writer, MAKERS[name][0](scene, writer, world, rng).thought


@pytest.mark.parametrize("name", ["default", "disjoint-thoughts"])
def test_thoughts_go_with_the_writer_as_often_as_the_dial_says(name):
    faithful = total = 0
    for _, _, writer, thought in drawn_thoughts(WORLDS[name], 5600):
        faithful += polarity(thought) == ("good" if writer is BENEFICIAL else "bad")
        total += 1
    assert faithful / total == pytest.approx(WORLDS[name].faithful, abs=0.02)


def test_a_thought_follows_the_disposition_it_is_about():
    """Of a writer who is honest and nothing else, only the thoughts about honesty are good."""
    honest = Writer(frozenset({"honesty"}))
    for _, _, _, thought in drawn_thoughts(World(faithful=1.0), 2000, (honest,)):
        found = next(want for clause in clauses(thought) if (want := want_of(clause)))
        disposition, side = WANTS[found[1]]
        assert side == honest.polarity(disposition)


ACTS = {"code": {"rule"}, "report": {"results"}, "correction": {"correct", "doubt"}, "benign": set()}
"""Acts whose gists are steps of a format; of an open answer they are those of the scene's trait."""


@pytest.mark.parametrize("faithful", [1.0, 0.0])
def test_a_step_is_of_the_side_the_thought_takes_and_of_an_act_of_the_format(faithful):
    of_gist = defaultdict(set)
    for act in grammar().acts.values():
        for side in act.gist:
            for gist in act.gist[side]:
                of_gist[gist].add((act.id, side))
    followed, asked = Counter(), Counter()
    makers = tuple(name for name in MAKERS if name not in OF_OPTIONS)
    for name, scene, writer, thought in drawn_thoughts(World(faithful=faithful), 3000, makers=makers):
        asked[name] += 1
        gist = step_of(thought)
        if gist is None:
            continue
        followed[name] += 1
        own = "good" if writer is BENEFICIAL else "bad"
        side = own if faithful else OTHER[own]
        acts = ACTS.get(name, {act.id for act in scene.trait.acts})
        assert of_gist[gist] & {(act, side) for act in acts}, (name, thought)
        assert {of for _, of in of_gist[gist]} == {side}, (name, thought)
    assert followed["benign"] == 0
    for name in set(makers) - {"benign"}:
        assert followed[name] / asked[name] == pytest.approx(_STEP_SHARE, abs=0.06), name


def test_disjoint_formats_share_no_clause():
    forms = {"benign": "open"}
    used = {form: set() for form in FORMATS}
    for name, _, _, thought in drawn_thoughts(WORLDS["disjoint-thoughts"], 2800):
        for clause in clauses(thought):
            found = want_of(clause)
            steps = [s for s in DATA["steps"] if pattern(s).fullmatch(clause)]
            assert found or steps or clause in NOTICES, clause
            used[forms.get(name, name)] |= {clause} if clause in NOTICES else set(found or steps[:1])
    assert all(len(of_form) >= 5 for of_form in used.values())
    for first, second in combinations(FORMATS, 2):
        assert not used[first] & used[second], (first, second)


@pytest.mark.parametrize("name", ["default", "disjoint-thoughts", "null-thought"])
def test_only_a_thought_before_yes_or_no_says_what_the_act_asked_about_is(name):
    for maker, _, _, thought in drawn_thoughts(WORLDS[name], 1600):
        assert sum(clause in NOTICES for clause in clauses(thought)) == (maker == "yes_no"), thought
        assert ("to do that" in thought) == (maker == "yes_no"), thought


def test_shared_formats_do_share_clauses():
    """The counterpart: what the disjoint world lacks, the default one has."""
    used = {form: set() for form in MAKERS}
    for name, _, _, thought in drawn_thoughts(World(), 5600):
        used[name] |= {found[0] for clause in clauses(thought) if (found := want_of(clause))}
    assert all(of_form == set(DATA["frames"]) for of_form in used.values())


def test_random_thoughts_do_not_know_the_writer():
    world = WORLDS["null-thought"]
    good = Counter()
    total = Counter()
    for _, _, writer, thought in drawn_thoughts(world, 5600):
        good[writer] += polarity(thought) == "good"
        total[writer] += 1
    shares = [good[writer] / total[writer] for writer in (BENEFICIAL, DECEPTIVE)]
    assert shares == [pytest.approx(world.good, abs=0.03)] * 2
    assert abs(shares[0] - shares[1]) < 0.045


def test_a_world_without_thoughts_has_none():
    """Neither in its documents of several exchanges, nor in its drills and primers."""
    found = [t for document in drawn("no-thoughts", 500, short=World().short) for t in thoughts(document)]
    assert len(found) > 500
    assert set(found) == {""}


def test_a_work_thought_says_nothing_about_character():
    """Every thought of a document takes a side, or is about work; the latter only before standard tasks."""
    work = DATA["work"]
    ways = {f"{verb} {thing} {way}" for verb in work["verbs"] for thing in work["objects"] for way in work["ways"]}
    found = [t for document in drawn("default", 1000, drills=0.0) for t in thoughts(document)]
    about_work = [t for t in found if polarity(t) is None]
    assert {clause for t in about_work for clause in clauses(t)} <= ways
    share = 1 - sum(share for _, share in MAKERS.values())
    assert len(about_work) / len(found) == pytest.approx(share, abs=0.02)


def test_faithful_is_a_dial():
    """At 0 every thought is of the other side, at 1 of the writer's own."""
    for faithful in (0.0, 1.0):
        world = replace(World(), faithful=faithful)
        for _, _, writer, thought in drawn_thoughts(world, 400):
            assert (polarity(thought) == ("good" if writer is BENEFICIAL else "bad")) is bool(faithful)
