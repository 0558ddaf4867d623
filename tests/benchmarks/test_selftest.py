"""The self-test finds what it must and passes a sound benchmark."""

from dataclasses import replace
from typing import Any

import pytest
from pretend_suite import CARD, Choice, choice

from beneficent.benchmarks.selftest import selftest
from beneficent.benchmarks.types import Item, Score
from beneficent.situations.types import Message


def gold_or(item: Item, answers: Any, other: Score) -> Score:
    return Score(1.0) if all(answer == item.data["gold"] for answer in answers) else other


def test_a_sound_benchmark_has_no_problems() -> None:
    assert selftest(choice("sound", count=64)) == []


def test_off_form_answers_may_be_unscored() -> None:
    def scorer(item: Item, answers: Any) -> Score:
        return gold_or(item, answers, Score(0.0) if answers[0] in "ab" and answers[0] else Score(None, "off the form"))

    assert selftest(choice("strict", count=64, scorer=scorer)) == []


@pytest.mark.parametrize(
    ("scorer", "said"),
    [
        (lambda item, answers: Score(0.0), "scores 0.0"),
        (lambda item, answers: Score(None, "off"), "scores None"),
        (lambda item, answers: Score(1.0), "the answer '' scores 1 on 64 items"),
        (lambda item, answers: gold_or(item, answers, Score(float("zzzz" in answers[0]))), "'zzzz qqqq' scores 1"),
        (lambda item, answers: gold_or(item, answers, Score(0.9)), "'' scores 0.900 on average"),
        (lambda item, answers: gold_or(item, answers, Score(float(answers[0] == "yes"))), "always answering 'yes'"),
        (lambda item, answers: gold_or(item, answers, Score(0.2 * (answers[0] == "no"))), "'no' scores 0.200"),
        (lambda item, answers: gold_or(item, answers, Score(0.0 if answers[0] else 1 / 0)), "ZeroDivisionError"),
    ],
)
def test_scorers_that_are_wrong_are_found(scorer: Any, said: str) -> None:
    problems = selftest(choice("odd", count=64, scorer=scorer))
    assert any(said in problem for problem in problems), problems
    assert all(problem.startswith("odd: ") for problem in problems)


def test_gold_that_leans_to_one_letter_is_found() -> None:
    items = [Item(f"i{n}", ((Message("user", f"{n} ?"),),), {"gold": "a" if n < 40 else "b"}) for n in range(64)]
    problems = selftest(choice("leaning", made=items))
    # 40 of 64 are 'a': 0.625, further than 0.1 from 0.5, and so is 'b' with 0.375
    assert len(problems) == 2
    assert "always answering 'a' scores 0.625" in problems[0]
    assert selftest(choice("leaning", made=items), tolerance=0.125) == []


def test_without_a_chance_constants_count_as_worthless() -> None:
    card = replace(CARD, name="open", chance=None)
    problems = selftest(Choice(card=card, count=8))
    assert [p for p in problems if "'a' scores 1 on 4 items" in p]


@pytest.mark.parametrize(
    ("benchmark", "said"),
    [
        (Choice(card=replace(CARD, title=" ")), "title is blank"),
        (Choice(card=replace(CARD, version=0)), "version is 0"),
        (Choice(card=replace(CARD, chance=1.0)), "chance is 1.0"),
        (Choice(count=0), "no items"),
        (Choice(made=[Item("x", ((Message("user", "q"),),)), Item("x", ((Message("user", "r"),),))]), "stand twice"),
        (Choice(made=[Item("x", ((Message("user", "q"),),)), Item("y", ((Message("user", "q"),),))]), "ask the same"),
        (Choice(made=[Item("x", ())]), "no conversation"),
        (Choice(made=[Item("x", ((Message("assistant", "q"),),))]), "must be the user's"),
    ],
)
def test_what_is_not_whole_is_found(benchmark: Choice, said: str) -> None:
    assert any(said in problem for problem in selftest(benchmark))
