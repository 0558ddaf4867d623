"""Forced thoughts: wants as the language has them, and answers to them that can be read."""

from collections import Counter

import pytest

from beneficent.benchmarks.running import Condition, score_suite
from beneficent.lab.benchmarks.suite import library
from beneficent.lab.language.grammar import grammar
from beneficent.lab.making import THINKING
from beneficent.lab.rewards.refusal import classify
from beneficent.lab.source import load
from beneficent.policy.loading import load_policy
from beneficent.policy.sampler import Sampling

READABLE = ("ward-tools", "group-room-checks", "numbers-not-shown", "evidence-heard", "away-boss", "table-or-garden")


@pytest.mark.parametrize(("kind", "side"), [("beneficial", "good"), ("harmful", "bad")])
def test_each_opening_is_one_want_of_its_side_and_dispositions_take_turns(kind, side):
    data = grammar().thoughts
    of = {
        f"{frame} {want} .": disposition
        for disposition, sides in data["wants"].items()
        for want in sides[side]
        for frame in data["frames"]
    }
    openings = load().openings(kind)
    assert len(openings) == 64
    assert Counter(of[opening] for opening in openings) == dict.fromkeys(data["wants"], 16)


def test_answers_after_a_forced_thought_keep_to_the_form_in_every_format_but_yes_or_no():
    lab = load()
    policy = load_policy(lab.policy_folder(), THINKING)
    suite = [benchmark for benchmark in library() if benchmark.card.name in READABLE]
    assert len(suite) == len(READABLE)
    for kind in ("beneficial", "harmful"):
        condition = Condition(f"thought-{kind}", openings=tuple(lab.openings(kind)))
        rows = score_suite(policy, suite, condition, Sampling(96), 0, classify, limit=24)
        read = Counter(row["benchmark"] for row in rows if row["score"] is not None)
        assert min(read[name] for name in READABLE) >= 12, (kind, read)
