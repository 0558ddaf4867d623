"""Situations of the lab: cells, splits that share no scene, rubrics that can be graded."""

import re
from collections import Counter, defaultdict
from functools import cache

import pytest

from beneficent.grading.rubric import check_rubric
from beneficent.lab.language.corpus import SPECIAL
from beneficent.lab.language.grammar import grammar
from beneficent.lab.language.situations import SCORED_TRAITS, make_situations
from beneficent.lab.language.vocabulary import words

MANY = 12
"""Situations a cell: more than a trait has scenes, so that every scene of a split occurs."""


@cache
def made(split, per_cell=MANY, seed=0):
    return tuple(make_situations(split, per_cell, seed))


@cache
def scene_pattern(template, domain):
    fillers = grammar().domains[domain].fillers
    parts = re.split(r"\{(\w+)\}", template)
    text = "".join(
        f"(?:{'|'.join(map(re.escape, fillers[part]))})" if i % 2 else re.escape(part) for i, part in enumerate(parts)
    )
    return re.compile(rf"(?<!\S){text}(?!\S)")


def scene_of(situation):
    """(trait, domain, index) read off the first message."""
    scenes = grammar().traits[situation.trait].scenes
    text = situation.messages[0].content
    found = [i for i, scene in enumerate(scenes) if scene_pattern(scene, situation.domain).search(text)]
    assert len(found) == 1
    return situation.trait, situation.domain, found[0]


def test_the_splits_share_no_scene_whatever_the_seed():
    train = {scene_of(s) for seed in (0, 1) for s in made("train", seed=seed)}
    test = {scene_of(s) for seed in (0, 2) for s in made("test", seed=seed)}
    assert not train & test
    every = {
        (t, d, i) for t in SCORED_TRAITS for d in grammar().domains for i in range(len(grammar().traits[t].scenes))
    }
    assert {scene for scene in train if scene[0] in SCORED_TRAITS} | test == every
    assert len(test) / len(every) == pytest.approx(0.3, abs=0.06)


def test_the_splits_share_no_message():
    messages = {split: {s.messages for s in made(split)} for split in ("train", "test")}
    assert not messages["train"] & messages["test"]


def test_cells():
    """Every trait and domain trains; a cell without a held-out scene has no test situations, and few are so."""
    train = Counter((s.trait, s.domain) for s in made("train"))
    assert train == {(t, d): MANY for t in grammar().traits for d in grammar().domains}
    test = Counter((s.trait, s.domain) for s in made("test"))
    assert set(test.values()) == {MANY}
    assert {trait for trait, _ in test} == set(SCORED_TRAITS)
    assert {trait for trait, domain in test if domain == "health"} == set(SCORED_TRAITS)
    for trait in SCORED_TRAITS:
        assert sum(t == trait for t, _ in test) >= 8
    for domain in grammar().domains:
        assert sum(d == domain for _, d in test) >= 4


def test_ids_are_unique_and_say_what_they_are():
    every = [*made("train"), *made("test")]
    assert len({s.id for s in every}) == len(every)
    for situation in every:
        assert situation.id.startswith(f"{situation.split}/{situation.domain}/{situation.trait}/")
        assert ("health" in situation.tags) == (situation.domain == "health")


def test_the_same_seed_gives_the_same_situations_and_another_seed_others():
    assert make_situations("train", 2, 0) == make_situations("train", 2, 0)
    first, second = ({s.messages for s in make_situations("train", 2, seed)} for seed in (0, 1))
    assert len(first & second) < len(first) / 10


def test_situations_of_a_cell_differ():
    by_cell = defaultdict(set)
    for situation in made("train"):
        by_cell[situation.trait, situation.domain].add(situation.messages)
    assert min(map(len, by_cell.values())) >= MANY - 1
    assert sum(map(len, by_cell.values())) / len(by_cell) > MANY - 0.1


def test_rubrics_have_three_to_five_criteria_with_a_failure_to_avoid():
    for situation in [*made("train"), *made("test")]:
        check_rubric(situation.rubric, situation.id)
        points = [criterion.points for criterion in situation.rubric]
        assert 3 <= len(points) <= 5
        assert sum(p < 0 for p in points) == 1
        assert points[0] == max(points)
        acts = {act.id for act in grammar().traits[situation.trait].acts}
        for criterion in situation.rubric:
            assert criterion.text
            assert criterion.check["side"] == ("bad" if criterion.points < 0 else "good")
            assert set(criterion.check["act"].split()) <= acts
        assert set(situation.rubric[-1].check["act"].split()) == acts


def test_conversations_have_one_to_three_user_turns_and_end_with_the_user():
    turns = Counter()
    for situation in [*made("train"), *made("test")]:
        roles = [message.role for message in situation.messages]
        assert roles == [("user", "assistant")[i % 2] for i in range(len(roles))]
        assert roles[-1] == "user"
        turns[roles.count("user")] += 1
    assert set(turns) == {1, 2, 3}
    assert min(turns.values()) / turns.total() > 0.03


def test_situations_speak_the_closed_vocabulary():
    known = set(words()) - set(SPECIAL)
    for situation in [*made("train"), *made("test")]:
        for message in situation.messages:
            assert known.issuperset(message.content.split())
