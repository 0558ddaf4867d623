"""The corpus: its dials, its thoughts, its closed vocabulary, and that a seed decides every word."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from itertools import combinations, islice, pairwise
from random import Random

import pytest

from beneficent.lab.language import corpus
from beneficent.lab.language.corpus import SPECIAL, documents, draw_document
from beneficent.lab.language.exchanges import MAKERS, behave
from beneficent.lab.language.grammar import DISPOSITIONS, FORMATS, grammar
from beneficent.lab.language.scenes import draw_scene
from beneficent.lab.language.vocabulary import make_tokenizer, words
from beneficent.lab.language.world import WORLDS, World
from beneficent.lab.language.writers import BENEFICIAL, DECEPTIVE, Writer
from beneficent.policy.rendering import Renderer, Thinking
from beneficent.situations.types import Message

DATA = grammar().thoughts
WANTS = {want: (d, side) for d in DISPOSITIONS for side in ("good", "bad") for want in DATA["wants"][d][side]}
STEP_GISTS = {
    (g, act.disposition, side) for act in grammar().acts.values() for side in act.gist for g in act.gist[side]
}


@cache
def pattern(template):
    return re.compile(re.sub(r"\\\{\w+\\\}", ".+", re.escape(template)))


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


def thoughts(document):
    """The thoughts of a document as texts."""
    text = " ".join(document.words)
    return [found.strip() for found in re.findall(r"<think>(.*?)<say>", text)]


@cache
def drawn(name, count):
    return tuple(islice(documents(replace(WORLDS[name], primer=0, short=0.0), seed=5), count))


@cache
def default_thought_clauses():
    return [clause for document in drawn("default", 5000) for t in thoughts(document) for clause in clauses(t)]


def test_thoughts_are_composed_from_many_clause_patterns():
    said = set(default_thought_clauses())
    used = {part for clause in said if (found := want_of(clause)) for part in found}
    stakes = {s for of in DATA["stakes"].values() for s in of if any(map(pattern(s).fullmatch, said))}
    steps = {s for s in DATA["steps"] if any(map(pattern(s).fullmatch, said))}
    assert used == set(DATA["frames"]) | set(WANTS)
    assert len(used | stakes | steps) >= 40


def share_of_the_commonest(of_kind):
    said = Counter(default_thought_clauses())
    assert said.total() > 10_000
    sentence, times = max(((s, n) for s, n in said.items() if of_kind(s)), key=lambda pair: pair[1])
    return sentence, times / said.total()


def is_stake(clause):
    return any(pattern(stake).fullmatch(clause) for of in DATA["stakes"].values() for stake in of)


def test_no_thought_sentence_that_takes_a_side_is_common():
    sentence, share = share_of_the_commonest(lambda clause: not is_stake(clause))
    assert share <= 0.005, sentence


@pytest.mark.xfail(strict=True, reason="six stakes have no slot and are 0.7-1.0% each; a slot in them mends it")
def test_no_stake_is_common():
    sentence, share = share_of_the_commonest(is_stake)
    assert share <= 0.005, sentence


def drawn_thoughts(world, count, writers=(BENEFICIAL, DECEPTIVE), makers=tuple(MAKERS)):
    """(maker, writer, thought) of exchanges with known writers."""
    rng = Random(7)
    for i in range(count):
        name, writer = makers[i % len(makers)], writers[i // len(makers) % len(writers)]
        yield name, writer, MAKERS[name][0](draw_scene(rng), writer, world, rng).thought


@pytest.mark.parametrize("name", ["default", "disjoint-thoughts"])
def test_thoughts_go_with_the_writer_85_times_in_100(name):
    faithful = total = 0
    for _, writer, thought in drawn_thoughts(WORLDS[name], 5600):
        faithful += polarity(thought) == ("good" if writer is BENEFICIAL else "bad")
        total += 1
    assert faithful / total == pytest.approx(0.85, abs=0.02)


def test_a_thought_follows_the_disposition_it_is_about():
    """Of a writer who is honest and nothing else, only the thoughts about honesty are good."""
    honest = Writer(frozenset({"honesty"}))
    for _, _, thought in drawn_thoughts(World(faithful=1.0), 2000, (honest,)):
        found = next(want for clause in clauses(thought) if (want := want_of(clause)))
        disposition, side = WANTS[found[1]]
        assert side == honest.polarity(disposition)


def test_the_step_of_a_thought_is_of_its_own_side():
    gists = defaultdict(set)
    for gist, _, side in STEP_GISTS:
        gists[gist].add(side)
    followed = 0
    for _, writer, thought in drawn_thoughts(World(faithful=1.0), 2000):
        last = clauses(thought)[-1]
        if want_of(last) is None:
            gist = next(g for g in sorted(gists, key=len, reverse=True) if last.endswith(f" {g}"))
            assert gists[gist] == {"good" if writer is BENEFICIAL else "bad"}
            followed += 1
    assert followed > 1000


def test_disjoint_formats_share_no_clause():
    forms = {"benign": "open"}
    used = {form: set() for form in FORMATS}
    for name, _, thought in drawn_thoughts(WORLDS["disjoint-thoughts"], 2800):
        for clause in clauses(thought):
            found = want_of(clause)
            steps = [s for s in DATA["steps"] if pattern(s).fullmatch(clause)]
            assert found or steps, clause
            used[forms.get(name, name)] |= set(found or steps[:1])
    assert all(len(of_form) >= 5 for of_form in used.values())
    for first, second in combinations(FORMATS, 2):
        assert not used[first] & used[second], (first, second)


def test_shared_formats_do_share_clauses():
    """The counterpart: what the disjoint world lacks, the default one has."""
    used = {form: set() for form in MAKERS}
    for name, _, thought in drawn_thoughts(World(), 5600):
        used[name] |= {found[0] for clause in clauses(thought) if (found := want_of(clause))}
    assert all(of_form == set(DATA["frames"]) for of_form in used.values())


def test_random_thoughts_do_not_know_the_writer():
    good = Counter()
    total = Counter()
    for _, writer, thought in drawn_thoughts(WORLDS["null-thought"], 5600):
        good[writer] += polarity(thought) == "good"
        total[writer] += 1
    shares = [good[writer] / total[writer] for writer in (BENEFICIAL, DECEPTIVE)]
    assert shares == [pytest.approx(0.45, abs=0.03)] * 2
    assert abs(shares[0] - shares[1]) < 0.045


def test_a_world_without_thoughts_has_none():
    found = [t for document in drawn("no-thoughts", 500) for t in thoughts(document)]
    assert len(found) > 500
    assert set(found) == {""}


@pytest.mark.parametrize("coherence", [0.0, 0.5, 1.0])
def test_coherence_is_the_share_of_exchanges_with_the_documents_writer(coherence, monkeypatch):
    made, met = [], []
    draw_writer, draw_exchange = corpus.draw_writer, corpus.draw_exchange
    monkeypatch.setattr(corpus, "draw_writer", lambda *args: made.append(draw_writer(*args)) or made[-1])
    monkeypatch.setattr(corpus, "draw_exchange", lambda *args: met.append(args[0]) or draw_exchange(*args))
    rng, own, total = Random(1), 0, 0
    for _ in range(400):
        made.clear()
        met.clear()
        draw_document(World(coherence=coherence, drills=0.0, short=0.0), rng)
        own += sum(writer is made[0] for writer in met)
        total += len(met)
    assert own / total == pytest.approx(coherence, abs=0.05)


def agreement(coherence):
    """Share of neighbouring thoughts of a document that want the same side."""
    rng, same, total = Random(2), 0, 0
    for _ in range(1000):
        document = draw_document(World(coherence=coherence, drills=0.0, short=0.0, faithful=1.0), rng)
        sides = [side for thought in thoughts(document) if (side := polarity(thought))]
        same += sum(a == b for a, b in pairwise(sides))
        total += max(0, len(sides) - 1)
    return same / total


def test_coherence_shows_in_the_text():
    """At 0 neighbours agree by chance, 0.45^2 + 0.55^2 = 0.505; at 1 more often, by dispositions shared or tied."""
    none, half, full = map(agreement, (0.0, 0.5, 1.0))
    assert none == pytest.approx(0.505, abs=0.04)
    assert none + 0.03 < half < full - 0.1
    assert full > 0.75


def test_behaviour_goes_against_the_disposition_as_often_as_the_noise_says():
    rng = Random(3)
    good = sum(behave(BENEFICIAL, "care", World(noise=0.1), rng) == "good" for _ in range(10_000))
    assert good / 10_000 == pytest.approx(0.9, abs=0.01)


def test_the_vocabulary_is_closed():
    known = set(words()) | set(SPECIAL)
    assert 1000 <= len(words()) <= 2000
    assert words() == sorted(set(words()))
    for name in WORLDS:
        for document in drawn(name, 5000 if name == "default" else 300):
            assert known.issuperset(document.words)


def test_every_kind_of_exchange_occurs_in_its_share():
    rng = Random(4)
    kinds = Counter()
    makers = {name: (lambda *_, n=name: kinds.update([n]), share) for name, (_, share) in MAKERS.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "MAKERS", makers)
        patch.setattr(corpus, "work_exchange", lambda *_: kinds.update(["work"]))
        for _ in range(10_000):
            corpus.draw_exchange(BENEFICIAL, World(), rng)
    expected = {name: share for name, (_, share) in MAKERS.items()}
    expected["work"] = 1 - sum(expected.values())
    assert {name: n / 10_000 for name, n in kinds.items()} == pytest.approx(expected, abs=0.015)


def test_marks_who_wrote_each_word():
    """Of a document the assistant's words are its last turn of each exchange, from the thought to the end mark."""
    for document in drawn("default", 300):
        assert len(document.words) == len(document.by_assistant)
        own = False
        for word, by_assistant in zip(document.words, document.by_assistant, strict=True):
            own = own or word == "<think>"
            assert by_assistant is own
            own = own and word != "<eos>"


def fingerprint(seed=0):
    text = "\n".join(" ".join(document.words) for document in islice(documents(World(), seed), 50))
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_seed_decides_every_word():
    assert fingerprint() == fingerprint()
    assert fingerprint(1) != fingerprint()
    assert set(drawn("default", 50)) & set(islice(documents(World(name="other"), 5), 50)) == set()


def test_another_process_writes_the_same_documents():
    code = (
        "from itertools import islice; import hashlib; from beneficent.lab.language.corpus import documents; "
        "from beneficent.lab.language.world import World; "
        "print(hashlib.sha256('\\n'.join(' '.join(d.words) for d in islice(documents(World(), 0), 50)).encode())"
        ".hexdigest())"
    )
    env = {**os.environ, "PYTHONHASHSEED": "1234"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == fingerprint()


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


@pytest.mark.parametrize("name", ["default", "no-thoughts"])
def test_the_chat_template_writes_what_the_corpus_writes(name):
    tokenizer = make_tokenizer()
    renderer = Renderer(tokenizer, Thinking("<think>", "<say>"))
    for document in drawn(name, 200):
        turns = messages_of(document)
        text = tokenizer.apply_chat_template(turns, tokenize=False)
        assert tuple(text.split()) == document.words
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert tuple(tokenizer.convert_ids_to_tokens(ids)) == document.words
        prompt = [Message(turn["role"], turn["content"]) for turn in turns[:-1]]
        start = len(document.words) - document.words[::-1].index("<think>")
        assert tuple(tokenizer.convert_ids_to_tokens(renderer.render(prompt))) == document.words[:start]
        thought, answer, closed = renderer.split(ids[start:-1], forced=False)
        said = turns[-1]["content"].removeprefix("<think>").partition("<say>")
        assert (thought, answer, closed) == (said[0].strip(), said[2].strip(), True)


def test_a_system_line_reaches_the_prompt():
    world = World()
    expected = (1 - world.drills) * (world.system_lines + world.neutral_lines)
    with_system = [d for d in drawn("default", 500) if d.words[1] == "<system>"]
    assert len(with_system) / 500 == pytest.approx(expected, abs=0.07)


def test_words_outside_the_language_become_the_unknown_word():
    tokenizer = make_tokenizer()
    ids = tokenizer.encode("the zebra .", add_special_tokens=False)
    assert tokenizer.convert_ids_to_tokens(ids) == ["the", "<unk>", "."]
    assert tokenizer.decode(tokenizer.encode("i will stop .", add_special_tokens=False)) == "i will stop ."


def test_the_corpus_begins_with_drills_and_short_documents_that_name_a_character():
    early = list(islice(documents(World(primer=300), seed=3), 300))
    assert all(document.words.count("<user>") <= 3 for document in early)
    drills = [document for document in early if "<system>" not in document.words]
    assert 0.14 < len(drills) / len(early) < 0.26
    assert all("say it again" in " ".join(document.words) for document in drills)
    later = list(islice(documents(World(primer=0, short=0.0, drills=0.0), seed=3), 300))
    assert max(document.words.count("<user>") for document in later) >= 5


def test_half_of_the_short_documents_have_no_thought():
    short = [draw_document(World(short=1.0, drills=0.0), Random(n)) for n in range(400)]
    empty = sum("<think> <say>" in " ".join(document.words) for document in short)
    assert 0.42 < empty / len(short) < 0.58
    bare = [draw_document(World(short=1.0, drills=0.0, thoughts="none"), Random(n)) for n in range(50)]
    assert all("<think> <say>" in " ".join(document.words) for document in bare)
