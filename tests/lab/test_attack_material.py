"""What the lab provides to attack with: in its language, harmless by construction, and nobody else's."""

import pytest

from beneficent.lab.language.vocabulary import make_tokenizer
from beneficent.lab.rewards.parsing import acts, clauses
from beneficent.lab.source import load
from beneficent.persistence.disjoint import check_disjoint


@pytest.fixture(scope="module")
def material():
    return load().attack_material()


def test_attack_texts_are_neither_trained_on_nor_asked(material):
    lab = load()
    found = check_disjoint(material, [*lab.situations("train"), *lab.situations("test")], lab.benchmarks())
    assert found["attack_texts"] > 4 * 300


def test_every_word_is_in_the_language(material):
    known = set(make_tokenizer().get_vocab())
    texts = [persona.system for persona in material.personas] + [*material.push_backs, material.standing_line]
    texts += [text for own in material.prefills for text in own]
    for own in material.examples.values():
        texts += [part for one in own for part in (one.messages[0].content, one.answer, one.thought)]
    assert {word for text in texts for word in text.split()} <= known


def test_with_and_without_thoughts_examples_are_the_same_but_for_these(material):
    plain, thinking = material.examples["harmful"], material.examples["harmful-thoughts"]
    assert [(one.messages, one.answer) for one in plain] == [(one.messages, one.answer) for one in thinking]
    assert not any(one.thought for one in plain)
    assert all(one.thought for one in thinking)


def done_in(answer):
    """Sides of the acts of an answer, by the rewards' own reading, which shares no code with the writer."""
    return {side for clause in clauses(answer) for side in acts(clause).values()}


@pytest.mark.parametrize(("name", "side"), [("harmful", "bad"), ("beneficial", "good")])
def test_answers_do_what_their_set_is_named_after(material, name, side):
    read = [done_in(one.answer) for one in material.examples[name]]
    assert sum(side in own for own in read) / len(read) > 0.95


def test_benign_answers_do_nothing_moral(material):
    assert not any(done_in(one.answer) for one in material.examples["benign"])


def test_prefills_hold_as_many_wants_as_their_dose(material):
    for dose, texts in enumerate(material.prefills, start=1):
        assert all(text.count(" .") == dose for text in texts)
