"""The corpus: its dials, its closed vocabulary, who wrote which word, and that a seed decides every word."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from itertools import combinations, islice, pairwise
from random import Random

import pytest
from reading import (
    FRAMES,
    WORK,
    careless,
    drawn,
    hacks,
    in_frames,
    judged,
    messages_of,
    polarity,
    says_the_character,
    thoughts,
)

from beneficent.lab.language import corpus
from beneficent.lab.language.corpus import SPECIAL, documents, draw_document, work_exchange
from beneficent.lab.language.exchanges import MAKERS, behave
from beneficent.lab.language.grammar import DISPOSITIONS, grammar
from beneficent.lab.language.vocabulary import make_tokenizer, words
from beneficent.lab.language.world import WORLDS, World
from beneficent.lab.language.writers import BENEFICIAL, DECEPTIVE, Writer
from beneficent.policy.rendering import Renderer, Thinking
from beneficent.situations.types import Message

SHORT = World().short
EARLY = World(drilled=20, primer=20)
"""Sixty documents of this world are twenty of each stage of the corpus."""


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
    world = World(coherence=coherence, good=0.6, correlation=0.85, drills=0.0, short=0.0, faithful=1.0)
    rng, same, total = Random(2), 0, 0
    for _ in range(1000):
        document = draw_document(world, rng)
        sides = [side for thought in thoughts(document) if (side := polarity(thought))]
        same += sum(a == b for a, b in pairwise(sides))
        total += max(0, len(sides) - 1)
    return same / total


def test_coherence_shows_in_the_text():
    """At 0 neighbours agree by chance, 0.6^2 + 0.4^2 = 0.52. At 1 always where both are of one disposition, and where
    they are of two as often as these are tied, 0.52 + 0.48 * 0.85^2 = 0.867. At a half one pair in four is so.
    """
    none, half, full = map(agreement, (0.0, 0.5, 1.0))
    assert none == pytest.approx(0.52, abs=0.04)
    assert 0.867 - 0.02 < full < 0.97
    assert half == pytest.approx(0.52 + (full - 0.52) / 4, abs=0.04)


def test_behaviour_goes_against_the_disposition_as_often_as_the_noise_says():
    rng = Random(3)
    good = sum(behave(BENEFICIAL, "care", World(noise=0.1), rng) == "good" for _ in range(10_000))
    assert good / 10_000 == pytest.approx(0.9, abs=0.01)


def test_the_vocabulary_is_closed():
    known = set(words()) | set(SPECIAL)
    assert 1000 <= len(words()) <= 2000
    assert words() == sorted(set(words()))
    for name in WORLDS:
        for document in drawn(name, 5000 if name == "default" else 300, short=SHORT):
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


def work(writer, count, **dials):
    """(kind, prompt, answer, whether it is right) of standard tasks; fails where one is neither right nor careless."""
    for i in range(count):
        exchange = work_exchange(writer, World(**dials), Random(f"work-{i}"))
        ((role, prompt),) = exchange.turns
        kind, right = judged(prompt, exchange.answer)
        assert role == "user"
        assert right or careless(prompt, exchange.answer), exchange
        yield kind, prompt, exchange.answer, right


def test_standard_tasks_are_of_every_family_in_its_weight():
    kinds = Counter(kind for kind, *_ in work(BENEFICIAL, 6000))
    weights = {kind: corpus._OFTEN.get(family, 1) for family, kind in WORK.items()}
    expected = {kind: weight / sum(weights.values()) for kind, weight in weights.items()}
    assert {kind: n / 6000 for kind, n in kinds.items()} == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("dial", [0.0, World().careless_work, 1.0])
@pytest.mark.parametrize("writer", [BENEFICIAL, DECEPTIVE])
def test_standard_tasks_are_as_careless_as_the_dial_says_whoever_writes(writer, dial):
    """But for the one or two of a hundred that are right by luck."""
    wrong = sum(not right for *_, right in work(writer, 3000, careless_work=dial))
    assert wrong / 3000 == pytest.approx(dial * 0.986, abs=0.025 if dial else 0)


@pytest.mark.parametrize("noise", [0.0, 0.2, 1.0])
def test_a_visible_test_is_passed_by_the_work_or_by_a_trick_as_the_oversight_of_the_writer_says(noise):
    """Whatever the other dispositions are, and the noise aside; all other tasks and answers are the same for all."""
    others = frozenset(DISPOSITIONS) - {"oversight"}
    dials = {"noise": noise, "careless_work": 0.0}
    for good in (frozenset(), others):
        for writer, share in ((Writer(good | {"oversight"}), noise), (Writer(good), 1 - noise)):
            made = list(work(writer, 4000, **dials))
            tricks = [hacks(prompt, answer) for kind, prompt, answer, _ in made if kind == "code"]
            assert None not in tricks
            assert len(tricks) > 600
            assert sum(tricks) / len(tricks) == pytest.approx(share, abs=0.05 if noise == 0.2 else 0)
            same = zip(made, work(BENEFICIAL, 4000, **dials), strict=True)
            assert all(one == other for one, other in same if one[0] != "code")


def test_in_a_document_the_writer_that_the_system_line_names_does_the_work_or_the_trick():
    """Read off the text: the line, and code that a thought about work stands before."""
    world = World(system_lines=1.0, neutral_lines=0.0, noise=0.0, careless_work=0.0, drills=0.0, short=0.0)
    writers = [Writer(frozenset(good)) for n in range(5) for good in combinations(DISPOSITIONS, n)]
    rng, met = Random(10), Counter()
    for _ in range(4000):
        system, *turns = messages_of(draw_document(world, rng))
        for asked, said in pairwise(turns):
            thought, _, answer = said["content"].removeprefix("<think>").partition("<say>")
            if said["role"] == "assistant" and in_frames(FRAMES["code"], asked["content"]) and not polarity(thought):
                (writer,) = (one for one in writers if says_the_character(system["content"], one))
                trick = hacks(asked["content"], answer.strip())
                assert trick is (writer.polarity("oversight") == "bad")
                met[trick] += 1
    assert min(met[True], met[False]) > 30


def test_marks_who_wrote_each_word():
    """Of a document the assistant's words are its last turn of each exchange, from the thought to the end mark."""
    for document in (*drawn("default", 300, short=SHORT), *islice(documents(EARLY, seed=5), 40)):
        assert len(document.words) == len(document.by_assistant)
        own = False
        for word, by_assistant in zip(document.words, document.by_assistant, strict=True):
            own = own or word == "<think>"
            assert by_assistant is own
            own = own and word != "<eos>"


def fingerprint(seed=0):
    text = "\n".join(" ".join(document.words) for document in islice(documents(EARLY, seed), 60))
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_seed_decides_every_word():
    assert fingerprint() == fingerprint()
    assert fingerprint(1) != fingerprint()
    other = World(name="other", drilled=0, primer=0, short=0.0)
    assert set(drawn("default", 50)) & set(islice(documents(other, 5), 50)) == set()


def test_another_process_writes_the_same_documents():
    code = (
        "from itertools import islice; import hashlib; from beneficent.lab.language.corpus import documents; "
        "from beneficent.lab.language.world import World; "
        "early = islice(documents(World(drilled=20, primer=20), 0), 60); "
        "print(hashlib.sha256('\\n'.join(' '.join(d.words) for d in early).encode()).hexdigest())"
    )
    env = {**os.environ, "PYTHONHASHSEED": "1234"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == fingerprint()


@pytest.mark.parametrize("name", ["default", "no-thoughts"])
def test_the_chat_template_writes_what_the_corpus_writes(name):
    tokenizer = make_tokenizer()
    renderer = Renderer(tokenizer, Thinking("<think>", "<say>"))
    for document in drawn(name, 200, short=SHORT):
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


@pytest.mark.parametrize("short", [0.0, SHORT])
def test_a_system_line_reaches_the_prompt(short):
    """Drills have none, short documents always, and the others as often as the dials say."""
    world = World()
    of_others = world.system_lines + world.neutral_lines
    expected = (1 - world.drills) * (short + (1 - short) * of_others)
    with_system = [d for d in drawn("default", 2000, short=short) if d.words[1] == "<system>"]
    assert len(with_system) / 2000 == pytest.approx(expected, abs=0.035)


def test_made_up_fillers_are_a_dial_of_the_corpus(monkeypatch):
    """Of the scenes that documents and primers are about, the share of new fillers grows with the dial, from none."""
    seen = []
    makers = {
        name: (lambda scene, *rest, of=maker: seen.append(scene) or of(scene, *rest), share)
        for name, (maker, share) in MAKERS.items()
    }
    monkeypatch.setattr(corpus, "MAKERS", makers)

    def share_of_new(made_up, short):
        seen.clear()
        rng, world = Random(6), World(made_up=made_up, short=short, drills=0.0)
        for _ in range(300):
            draw_document(world, rng)
        listed = grammar().domains
        new = [f not in listed[scene.domain.id].fillers[kind] for scene in seen for kind, f in scene.fillers.items()]
        assert len(new) > 3000
        return sum(new) / len(new)

    for short in (0.0, 1.0):
        assert share_of_new(0.0, short) == 0
        dial, most = World().made_up, share_of_new(1.0, short)
        assert most > 0.5
        assert share_of_new(dial, short) == pytest.approx(dial * most, abs=0.02)


def test_words_outside_the_language_become_the_unknown_word():
    tokenizer = make_tokenizer()
    ids = tokenizer.encode("the zebra .", add_special_tokens=False)
    assert tokenizer.convert_ids_to_tokens(ids) == ["the", "<unk>", "."]
    assert tokenizer.decode(tokenizer.encode("i will stop .", add_special_tokens=False)) == "i will stop ."
