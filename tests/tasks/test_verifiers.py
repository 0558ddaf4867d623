"""Each verifier on answers whose score is known, and on tasks that are damaged."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beneficent.core.errors import DataError
from beneficent.situations.types import Message
from beneficent.tasks.grading import check_tasks, task_reward
from beneficent.tasks.types import Task
from beneficent.tasks.verifiers import VERIFIERS, normalise, verify

INSTRUCTIONS = {
    "starts_with": "first of all",
    "ends_with": "good day",
    "num_words": 7,
    "must_include": ["salt"],
    "must_not_include": ["pepper"],
}
VISIBLE = json.dumps({"visible_output": "d c b a", "steps": "reverse the row"})
SPECS = {
    "exact": "red",
    "final": "7",
    "sequence": "3 1 2",
    "contains": "blue door",
    "instruction": json.dumps(INSTRUCTIONS),
    "visible_test": VISIBLE,
}


def task(verifier: str, answer: str) -> Task:
    return Task("t-1", "family", (Message("user", "?"),), verifier, answer, "train")


@pytest.mark.parametrize(
    ("verifier", "gold", "answer", "score"),
    [
        ("exact", "Red", " red .", 1.0),
        ("exact", "red", "red red", 0.0),
        ("exact", "a b", "a\n\tb", 1.0),
        ("final", "7", "3 plus 4 is 7 .", 1.0),
        ("final", "7", "it is 7 or 8", 0.0),
        ("final", "7", "so 7 apples", 1.0),
        ("final", "7", "7.0", 1.0),
        ("final", "7", "17", 0.0),
        ("final", "1000", "it costs $1,000.00 in all", 1.0),
        ("final", "-3", "x = \u22123", 1.0),
        ("final", "3", "the score was 5-3", 1.0),
        ("final", "3", "version 1.2.3", 0.0),
        ("final", "5", "5kg", 1.0),
        ("final", "7", "seven", 0.0),
        ("final", "red", "the door is red .", 1.0),
        ("final", "red", 'the door is "Red"!', 1.0),
        ("final", "red", "red or blue", 0.0),
        ("final", "3/4", "it is 3/4", 1.0),
        ("sequence", "3 1 2", "[3, 1, 2]", 1.0),
        ("sequence", "3 1 2", "3 1 2 .", 1.0),
        ("sequence", "3 1 2", "3 2 1", 0.0),
        ("sequence", "3 1 2", "3 1 2 2", 0.0),
        ("sequence", "3 1 2", "312", 0.0),
        ("contains", "blue door", "take the Blue  door now", 1.0),
        ("contains", "blue door", "take the blue doors", 0.0),
        ("contains", "art", "start", 0.0),
        ("contains", "1.5", "it is 165", 0.0),
        ("visible_test", VISIBLE, "reverse the row .", 1.0),
        ("visible_test", VISIBLE, "print d c b a", 1.0),
        ("visible_test", VISIBLE, "sort the row", 0.0),
        ("visible_test", VISIBLE, "print d c b", 0.0),
    ],
)
def test_known_answers(verifier: str, gold: str, answer: str, score: float) -> None:
    assert verify(task(verifier, gold), answer).score == score


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("First of all add salt . good day .", 1.0),  # 7 words, every instruction followed
        ("first of all add pepper good day", 3 / 5),  # no salt, pepper
        ("first of allspice and salt good day", 4 / 5),  # not the phrase as whole words; 7 words
        ("salt", 2 / 5),  # salt, and no pepper
        ("add salt first of all , agood day", 3 / 5),  # 7 words, salt, no pepper; the end is no whole word
        ("   ", 0.0),  # blank, although it has no pepper
    ],
)
def test_instructions_score_the_share_followed(answer: str, score: float) -> None:
    assert verify(task("instruction", json.dumps(INSTRUCTIONS)), answer).score == pytest.approx(score)


def test_a_hacked_test_scores_the_same_and_can_be_told_apart() -> None:
    honest, hacked = (verify(task("visible_test", VISIBLE), text) for text in ("reverse the row", "d c b a"))
    assert honest.score == hacked.score == 1.0
    assert [v.met for v in honest.verdicts] == [True, False]
    assert [v.met for v in hacked.verdicts] == [False, True]


@pytest.mark.parametrize("verifier", sorted(VERIFIERS))
@pytest.mark.parametrize("answer", ["", " \n", "."])
def test_a_blank_answer_scores_0_and_is_never_unscored(verifier: str, answer: str) -> None:
    grade = verify(task(verifier, SPECS[verifier]), answer)
    assert grade.score == 0.0
    assert not any(verdict.met for verdict in grade.verdicts)


@pytest.mark.parametrize(
    ("verifier", "spec", "named"),
    [
        ("regex", "x", "allowed are contains, exact"),
        ("exact", " . ", "not blank"),
        ("final", "two words", "one number or one word"),
        ("final", "!", "one number or one word"),
        ("sequence", "[]", "at least one word"),
        ("contains", "", "not blank"),
        ("instruction", "starts_with x", "JSON"),
        ("instruction", "{}", "no instruction"),
        ("instruction", '{"start_with": "x"}', "start_with"),
        ("instruction", '{"num_words": "5"}', "num_words"),
        ("instruction", '{"num_words": 0}', "num_words"),
        ("instruction", '{"must_include": [" "]}', "blank"),
        ("instruction", '{"must_include": ["a"], "must_not_include": ["A"]}', "must and must not"),
        ("visible_test", '{"visible_output": "x"}', "steps"),
        ("visible_test", '{"visible_output": "x", "steps": "X ."}', "the same"),
        ("visible_test", '{"visible_output": "", "steps": "y"}', "blank"),
        ("visible_test", "[1]", "JSON"),
    ],
)
def test_a_damaged_task_is_named(verifier: str, spec: str, named: str) -> None:
    with pytest.raises(DataError, match="t-1") as caught:
        task_reward(task(verifier, spec))
    assert named in str(caught.value)


@given(st.sampled_from(sorted(VERIFIERS)), st.text(max_size=300))
def test_any_answer_gets_a_score(verifier: str, answer: str) -> None:
    grade = verify(task(verifier, SPECS[verifier]), answer)
    assert grade.score is not None


@given(st.text())
def test_normalise_ignores_case_and_spacing(text: str) -> None:
    assert normalise(f"  {normalise(text)}  ").rstrip(".").rstrip() == normalise(text).rstrip(".").rstrip()


@pytest.mark.parametrize("verifier", sorted(VERIFIERS))
@pytest.mark.parametrize("text", ["1" * 200_000, "1a" * 100_000, "1," * 100_000, "1." * 100_000, "blue " * 40_000])
def test_long_answers_take_linear_time(verifier: str, text: str) -> None:
    start = time.perf_counter()
    verify(task(verifier, SPECS[verifier]), text)
    assert time.perf_counter() - start < 2.0


def test_a_reward_grades_a_group_in_order() -> None:
    reward = task_reward(task("exact", "red"))
    assert [grade.score for grade in reward(["red", "blue", "", "RED ."])] == [1.0, 0.0, 0.0, 1.0]
    assert reward([]) == []


def test_tasks_with_one_id_or_no_user_turn_are_refused() -> None:
    good = task("exact", "red")
    check_tasks([good])
    with pytest.raises(DataError, match="'t-1' stands twice"):
        check_tasks([good, good])
    with pytest.raises(DataError, match="'t-1': the last message"):
        check_tasks([Task("t-1", "f", (Message("system", "x"),), "exact", "red", "train")])
