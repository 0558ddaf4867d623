"""Options of a choice, a tool call and a yes or no: of one disposition, told apart, and named by the thought's step;
what the thought says of an act asked about; and the words that a harmless wish is about."""

import re
from collections import Counter
from random import Random

import pytest
from reading import (
    FRAMES,
    LISTED,
    NOTICES,
    OTHER,
    acts_of,
    clauses,
    dispositions_of,
    in_frames,
    pattern,
    side_of,
    step_of,
    want_of,
)

from beneficent.lab.language.exchanges import MAKERS
from beneficent.lab.language.grammar import grammar
from beneficent.lab.language.scenes import draw_scene
from beneficent.lab.language.thoughts import _STEP_SHARE
from beneficent.lab.language.vocabulary import words
from beneficent.lab.language.world import World
from beneficent.lab.language.writers import BENEFICIAL, DECEPTIVE

FAITHFUL_AND_NOISE = pytest.mark.parametrize(("faithful", "noise"), [(1.0, 0.0), (0.0, 0.0), (1.0, 1.0), (0.0, 1.0)])


def asked(name, prompt):
    """What a prompt leaves open, read off the frame it ends with."""
    found = {match.groups() for frame in FRAMES[name] if (match := re.search(rf"{pattern(frame).pattern}$", prompt))}
    (groups,) = found
    return groups


def exchanges(name, count, **dials):
    """(scene, writer's own side, exchange) of good and bad writers in turn, with made-up fillers among others."""
    rng, world = Random(f"{name}-{sorted(dials.items())}"), World(**dials)
    for i in range(count):
        scene = draw_scene(rng, made_up=world.made_up)
        writer, side = ((BENEFICIAL, "good"), (DECEPTIVE, "bad"))[i % 2]
        yield scene, side, MAKERS[name][0](scene, writer, world, rng)


def sides(own, faithful, noise):
    """The sides of the thought and of the act."""
    return (own if faithful else OTHER[own]), (OTHER[own] if noise else own)


@FAITHFUL_AND_NOISE
def test_a_choice_is_between_a_good_and_a_bad_option_and_its_step_says_one_again_with_its_letter(faithful, noise):
    letters, followed = Counter(), 0
    for scene, own, exchange in exchanges("choice", 800, faithful=faithful, noise=noise):
        options = dict(zip("ab", asked("choice", exchange.turns[0][1]), strict=True))
        letter_of = {side_of(option, scene): letter for letter, option in options.items()}
        assert set(options) == set("ab")
        assert set(letter_of) == {"good", "bad"}
        letters[letter_of["good"]] += 1
        of_thought, of_act = sides(own, faithful, noise)
        assert exchange.answer == f"{letter_of[of_act]} ."
        step = step_of(exchange.thought)
        if step is not None:
            letter = letter_of[of_thought]
            assert step == f"{options[letter]} ( {letter} )"
            assert f" {step} . " in f"{exchange.turns[0][1]} "
            followed += 1
    assert followed / 800 == pytest.approx(_STEP_SHARE, abs=0.05)
    assert letters["a"] / 800 == pytest.approx(0.5, abs=0.06)


@FAITHFUL_AND_NOISE
def test_a_tool_call_names_the_tool_of_its_side_and_so_does_the_step(faithful, noise):
    first, followed = Counter(), 0
    for scene, own, exchange in exchanges("tool", 800, faithful=faithful, noise=noise):
        shown = asked("tool", exchange.turns[0][1])[0].split(" / ")
        of_side = {side_of(option, scene): option for option in shown}
        assert len(shown) == 2
        assert set(of_side) == {"good", "bad"}
        first[side_of(shown[0], scene)] += 1
        of_thought, of_act = sides(own, faithful, noise)
        assert exchange.answer == f"call {of_side[of_act]} ."
        step = step_of(exchange.thought)
        if step is not None:
            assert step == of_side[of_thought]
            followed += 1
    assert followed / 800 == pytest.approx(_STEP_SHARE, abs=0.05)
    assert first["good"] / 800 == pytest.approx(0.5, abs=0.06)


@FAITHFUL_AND_NOISE
def test_a_yes_or_no_follows_from_the_side_asked_and_the_step_says_never_where_it_is_the_other(faithful, noise):
    met = Counter()
    for scene, own, exchange in exchanges("yes_no", 800, faithful=faithful, noise=noise):
        (option,) = asked("yes_no", exchange.turns[0][1])
        side = side_of(option, scene)
        assert side is not None, option
        of_thought, of_act = sides(own, faithful, noise)
        assert exchange.answer == ("yes ." if side == of_act else "no .")
        step = step_of(exchange.thought)
        if step is not None:
            assert step == ("do that : yes" if side == of_thought else "never do that : no")
            met[side, side == of_thought] += 1
    assert met.total() / 800 == pytest.approx(_STEP_SHARE, abs=0.05)
    assert len(met) == 4
    assert min(met.values()) / met.total() > 0.15


@pytest.mark.parametrize("thoughts", ["shared", "disjoint", "random"])
@FAITHFUL_AND_NOISE
def test_what_the_act_asked_about_is_stands_before_the_step_and_is_true_whoever_writes(faithful, noise, thoughts):
    """Once in each thought, right behind the want, in a word of the act's disposition and of the side asked."""
    met = {"good": Counter(), "bad": Counter()}
    for scene, own, exchange in exchanges("yes_no", 800, faithful=faithful, noise=noise, thoughts=thoughts):
        (option,) = asked("yes_no", exchange.turns[0][1])
        said = clauses(exchange.thought)
        (place,) = (i for i, clause in enumerate(said) if clause in NOTICES)
        assert want_of(said[place - 1])
        assert said[place + 1 :] == [clause for clause in said[-1:] if step_of(exchange.thought)]
        disposition, side = NOTICES[said[place]]
        assert disposition in dispositions_of(option, scene), (option, said)
        assert side == side_of(option, scene), (option, said)
        met[own][said[place]] += 1
    for of_own in met.values():
        assert of_own.keys() == NOTICES.keys()
        good = sum(n for clause, n in of_own.items() if NOTICES[clause][1] == "good")
        assert good / 400 == pytest.approx(0.5, abs=0.08)
        assert max(of_own.values()) / 400 < 0.1


def test_letters_and_never_are_as_often_a_good_writer_s_as_a_bad_one_s():
    """What a step says of its place in the prompt tells nothing of the character."""
    said, total = Counter(), Counter()
    for name in ("choice", "yes_no"):
        for _, own, exchange in exchanges(name, 3000, faithful=1.0):
            step = step_of(exchange.thought)
            if step is not None:
                total[name, own] += 1
                said[name, own] += step.endswith(" ( a )") if name == "choice" else step.startswith("never ")
    for key in total:
        assert said[key] / total[key] == pytest.approx(0.5, abs=0.06), key


def test_options_are_gists_paraphrases_and_two_acts_of_the_trait_s_disposition():
    """The first act of the good option is the trait's; all others of both options are of its disposition."""
    gists = {gist for act in grammar().acts.values() for side in act.gist.values() for gist in side}
    kinds, same_act = Counter(), 0
    for scene, _, exchange in exchanges("choice", 1200):
        options = {side_of(option, scene): option for option in asked("choice", exchange.turns[0][1])}
        read = {side: acts_of(option, scene) for side, option in options.items()}
        starts = {side: {acts[0][0] for acts in ways} for side, ways in read.items()}
        assert starts["good"] & {act.id for act in scene.trait.acts}
        same_act += bool(starts["good"] & starts["bad"])
        assert dispositions_of(options["good"], scene) & dispositions_of(options["bad"], scene), options
        for side, option in options.items():
            one = any(len(acts) == 1 for acts in read[side])
            kinds["gist" if option in gists else "paraphrase" if one else "two acts"] += 1
    shares = {kind: n / kinds.total() for kind, n in kinds.items()}
    assert set(shares) == {"gist", "paraphrase", "two acts"}
    assert min(shares.values()) > 0.1
    assert 0.5 < same_act / 1200 < 0.9


@pytest.mark.parametrize("name", ["choice", "tool", "yes_no"])
def test_no_option_is_the_same_phrase_twice(name):
    two = 0
    for _, _, exchange in exchanges(name, 2000):
        found = asked(name, exchange.turns[0][1])
        for option in found[0].split(" / ") if name == "tool" else found:
            parts = option.split(" and ")
            two += len(parts) > 1
            assert not any(parts[:i] == parts[i:] for i in range(1, len(parts))), option
    assert two > 400


def in_wishes(prompt):
    """The two things between which a harmless wish leaves the choice."""
    slots = {r"\{x\}": r"(?P<x>\S+)", r"\{y\}": r"(?P<y>\S+)"}
    for frame in FRAMES["benign"]:
        text = re.escape(frame)
        for slot, one_word in slots.items():
            text = text.replace(slot, one_word)
        if found := re.fullmatch(re.sub(r"\\\{\w+\\\}", ".+", text), prompt):
            return found["x"], found["y"]
    raise AssertionError(prompt)


def test_a_harmless_wish_is_about_any_plain_words_and_its_answer_is_one_of_the_two():
    """In three of ten both are of a short list; in the others each word is about as likely as any other."""
    fillers = {p for domain in grammar().domains.values() for kind in domain.fillers.values() for p in kind}
    listed, answered, firsts, met = 0, 0, 0, Counter()
    for _, _, exchange in exchanges("benign", 6000):
        wish = in_wishes(exchange.turns[0][1])
        assert wish[0] != wish[1]
        if set(wish) <= LISTED:
            listed += 1
        else:
            met.update(wish)
        picked = [word for word in wish for frame in FRAMES["benign_answer"] if frame.format(x=word) == exchange.answer]
        refused = (
            exchange.answer in FRAMES["brush_off"] or in_frames(FRAMES["over_caution"], exchange.answer) is not None
        )
        assert len(picked) == (not refused), exchange
        answered += not refused
        firsts += picked == [wish[0]]
    assert listed / 6000 == pytest.approx(0.3, abs=0.02)
    assert all(re.fullmatch(r"[a-z]+|\d+", word) for word in met)
    assert met.keys() <= set(words())
    assert met.keys() >= {word for filler in fillers for word in filler.split()}
    assert met.keys() >= {str(n) for n in range(40)}
    assert max(met.values()) < 3 * met.total() / len(met)
    assert answered > 2000
    assert firsts / answered == pytest.approx(0.5, abs=0.03)
