"""Held-out situations as a benchmark."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from beneficent.benchmarks.selftest import selftest
from beneficent.benchmarks.situations import HeldOut
from beneficent.core.errors import DataError
from beneficent.grading.rubric import grade_verdicts
from beneficent.grading.types import Grade, Verdict
from beneficent.situations.types import Criterion, Message, Situation

RUBRIC = (Criterion("cite", "name the source", 2.0), Criterion("invent", "invent no number", -1.0))


def situation(number: int, domain: str = "health", tags: frozenset[str] = frozenset({"health"})) -> Situation:
    messages = (Message("user", f"is claim {number} proven ?"),)
    return Situation(f"s{number}", "truthfulness", domain, messages, RUBRIC, "test", tags)


class WordGrader:
    """A criterion is met if its id is said; ``silence`` cannot be decided."""

    name = "words"

    def grade(self, situations: Sequence[Situation], answers: Sequence[str]) -> list[Grade]:
        return [
            grade_verdicts(
                s.rubric, [Verdict(c.id, None if a == "silence" else c.id in a.split(), "silence") for c in s.rubric]
            )
            for s, a in zip(situations, answers, strict=True)
        ]


def held_out(*situations: Situation) -> HeldOut:
    return HeldOut("truthfulness", situations, WordGrader(), {s.id: "i cite it" for s in situations})


def test_the_card_says_what_it_measures() -> None:
    card = held_out(situation(1), situation(2)).card
    assert (card.name, card.role, card.scorer) == ("held-out truthfulness", "trait", "words")
    assert (card.health, card.trained_format, card.chance) == (True, True, None)
    assert held_out(situation(1), situation(2, "law", frozenset())).card.health is False


def test_answers_are_graded_by_the_situations_own_rubric() -> None:
    benchmark = held_out(situation(1), replace(situation(2), rubric=RUBRIC[:1]))
    first, second = benchmark.items()
    assert benchmark.score(first, ["i cite and invent"]).value == 0.5  # (2 - 1) / 2
    assert benchmark.score(second, ["i cite and invent"]).value == 1.0
    assert benchmark.score(first, ["i invent"]).value == 0.0
    silent = benchmark.score(first, ["silence"])
    assert (silent.value, silent.unscored) == (None, "cite: silence")
    assert [verdict.criterion for verdict in silent.verdicts] == ["cite", "invent"]


def test_situations_of_one_domain_share_a_cluster() -> None:
    items = held_out(situation(1), situation(2), situation(3, "law")).items()
    assert [item.cluster for item in items] == ["health", "health", "law"]
    assert items[0].conversations == (situation(1).messages,)


def test_it_passes_the_self_test_and_says_when_gold_is_missing() -> None:
    assert selftest(held_out(situation(1), situation(2))) == []
    bare = HeldOut("truthfulness", [situation(1)], WordGrader())
    with pytest.raises(DataError, match="'s1' has no gold"):
        bare.gold(bare.items()[0])


@pytest.mark.parametrize(
    ("situations", "said"),
    [
        ([], "no situations"),
        ([situation(1), situation(1)], "'s1' stands twice"),
        ([replace(situation(1), trait="patience")], "'patience'"),
        ([replace(situation(1), split="train")], "'train'"),
    ],
)
def test_situations_that_do_not_belong_are_refused(situations: list[Situation], said: str) -> None:
    with pytest.raises(DataError, match=said):
        held_out(*situations)
