"""Persona files: the shipped ones, the form, and whether a persona is followed."""

import pytest

from beneficent.core.errors import DataError
from beneficent.persistence.cards import load_cards
from beneficent.persistence.personas import SHIPPED, follow_rate, load_personas, read_persona
from beneficent.persistence.types import Follows

GOOD = """---
id: calm
title: Calm
aim: helpful
domain: any
canary: do not train on this
---
You are calm.
"""


def write(folder, text, name="calm.md"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_ones_are_as_many_as_promised_and_each_has_a_canary():
    personas = load_personas()
    count = {aim: sum(persona.aim == aim for persona in personas) for aim in ("harmful", "helpful", "neutral")}
    assert count["harmful"] + count["helpful"] >= 12
    assert count["neutral"] == 3
    assert all(persona.follows for persona in personas if persona.aim == "neutral")
    assert all("canary: beneficent persona" in path.read_text() for path in SHIPPED.glob("*.md"))


def test_a_persona_is_its_header_and_its_text(tmp_path):
    persona = read_persona(write(tmp_path, GOOD))
    assert (persona.id, persona.aim, persona.system, persona.follows) == ("calm", "helpful", "You are calm.", None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("aim: helpful", "aim: evil"), "aim is 'evil'; allowed are harmful, helpful, neutral"),
        (("id: calm", "id: other"), "id is 'other'; it must be the file's name"),
        (("canary: do not train on this\n", ""), "lacks canary"),
        (("domain: any", "domain: any\nmood: blue"), "unknown keys mood"),
        (("You are calm.\n", ""), "no system message"),
        (("---\nid", "id"), "YAML between two lines"),
        (("title: Calm", "title: [Calm"), "not YAML"),
        (("domain: any", "domain: any\nfollows:\n  max_words: 3"), "aim neutral"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path, change, said):
    path = write(tmp_path, GOOD.replace(*change))
    with pytest.raises(DataError, match=said) as raised:
        read_persona(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    "follows", ["3", "{max_words: many}", "{pattern: '['}", "{mood: blue}", "{max_words: 1, pattern: a}"]
)
def test_a_broken_way_to_see_it_followed_is_refused(tmp_path, follows):
    text = GOOD.replace("aim: helpful", "aim: neutral").replace("domain: any", f"domain: any\nfollows: {follows}")
    with pytest.raises(DataError, match="follows"):
        read_persona(write(tmp_path, text))


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="no persona"):
        load_personas(tmp_path)


def test_follow_rates_by_hand():
    answers = ["one two", "one two three four", "1. one", " "]
    scores = [1.0, None, 0.5, 0.0]
    names = ["x", "x", "x", "y"]
    assert follow_rate(Follows(max_words=3), names, answers, scores) == pytest.approx(2 / 3)
    assert follow_rate(Follows(pattern=r"(?m)^1\."), names, answers, scores) == pytest.approx(1 / 3)
    assert follow_rate(Follows(benchmark="x"), names, answers, scores) == pytest.approx(0.75)
    assert follow_rate(Follows(benchmark="z"), names, answers, scores) is None
    assert follow_rate(Follows(max_words=3), ["x"], [""], [None]) is None


def test_cards_say_where_harmful_sets_are_and_hold_none(tmp_path):
    cards = load_cards()
    assert {card.domain for card in cards} >= {"health", "engineering"}
    assert all(card.source.startswith("https://") and card.obtain for card in cards)
    (tmp_path / "x.yaml").write_text("title: only\n")
    with pytest.raises(DataError, match=r"x\.yaml has the keys"):
        load_cards(tmp_path)
