"""Scoring a suite: rows, conditions, seeds, limits and failures, with a scripted policy in place of a model."""

import json
from typing import Any

import pytest
from pretend_suite import ScriptedPolicy, SpokenRenderer, choice, completion, scripted_sample

from beneficent.benchmarks import running
from beneficent.benchmarks.running import Condition, ScoreRow, score_suite
from beneficent.benchmarks.types import Item, Score
from beneficent.core.errors import BeneficentError, DataError
from beneficent.core.ledger import Ledger
from beneficent.grading.types import Verdict
from beneficent.policy.sampler import Sampling
from beneficent.policy.types import Ending
from beneficent.situations.types import Message

CLEAN = Condition("clean")
SAMPLING = Sampling(max_new_tokens=8)


@pytest.fixture(autouse=True)
def _scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "sample", scripted_sample)


def refusal(answer: str) -> Any:
    return "refusal" if answer.startswith("i will not") else "answer"


def run(policy: ScriptedPolicy, *benchmarks: Any, condition: Condition = CLEAN, **rest: Any) -> list[ScoreRow]:
    return score_suite(
        policy, benchmarks, condition, SAMPLING, rest.pop("seed", 3), rest.pop("refusal", refusal), **rest
    )


def always(text: str) -> ScriptedPolicy:
    return ScriptedPolicy(lambda prompt, seed: text)


def test_a_row_holds_what_was_said_and_what_it_scored() -> None:
    rows = run(always("a"), choice("one", count=2))
    assert rows[0] == {
        "benchmark": "one",
        "item": "i0",
        "cluster": "i0",
        "condition": "clean",
        "protocol": rows[0]["protocol"],
        "score": 1.0,
        "unscored": None,
        "refusal": "answer",
        "answers": ["a"],
        "thoughts": ["i think"],
        "num_tokens": 2,
        "verdicts": "[]",
    }
    assert (rows[1]["item"], rows[1]["cluster"], rows[1]["score"]) == ("i1", "odd", 0.0)


def test_all_items_go_through_one_call_of_the_sampler() -> None:
    policy = always("a")
    rows = run(policy, choice("one", count=3), choice("two", count=2))
    assert [(row["benchmark"], row["item"]) for row in rows] == [
        ("one", "i0"), ("one", "i1"), ("one", "i2"), ("two", "i0"), ("two", "i1"),
    ]  # fmt: skip
    (call,) = policy.calls
    assert call["prompts"][1] == "user:pick 1 : a or b ?"
    assert (call["seed"], call["sampling"], call["forced"]) == (3, SAMPLING, False)


def test_an_item_with_several_conversations_is_scored_once() -> None:
    item = Item("pair", ((Message("user", "a or b ?"),), (Message("user", "b or a ?"),)), {"gold": "a"})
    policy = ScriptedPolicy(lambda prompt, seed: "a" if prompt.endswith("a or b ?") else "i will not choose")
    (row,) = run(policy, choice("pairs", made=[item]))
    assert row["answers"] == ["a", "i will not choose"]
    assert (row["score"], row["refusal"], row["num_tokens"]) == (0.0, "partial", 2 + 5)


def test_seeds_differ_by_prompt_and_do_not_depend_on_what_else_is_scored() -> None:
    policy = ScriptedPolicy(lambda prompt, seed: str(seed))
    one, two = choice("one"), choice("two")
    whole = run(policy, one, two)
    answers = [row["answers"][0] for row in whole]
    assert len(set(answers)) == len(answers)
    assert run(policy, two) == whole[8:]
    assert run(policy, two, one, limit=3) == [
        row for row in whole[8:] + whole[:8] if row in run(policy, one, two, limit=3)
    ]
    assert run(policy, one, seed=4)[0]["answers"] != whole[0]["answers"]
    # a persona is compared with the clean condition under the same random numbers
    assert run(policy, one, condition=Condition("persona", system="be kind"))[0]["answers"] == whole[0]["answers"]
    assert all(0 <= int(answer) < 2**63 for answer in answers)


def test_a_limit_takes_items_by_hash_and_a_larger_one_keeps_them() -> None:
    suite = choice("one", count=64)
    few, more = ([row["item"] for row in run(always("a"), suite, limit=limit)] for limit in (8, 24))
    assert len(few) == 8
    assert set(few) < set(more)
    order = [item.id for item in suite.items()]
    assert few == sorted(few, key=order.index)
    assert few != order[:8]
    assert len(run(always("a"), suite, limit=500)) == 64
    with pytest.raises(BeneficentError, match="limit is 0"):
        run(always("a"), suite, limit=0)


def test_a_system_condition_stands_before_every_conversation() -> None:
    own = Item("own", ((Message("system", "you are a clerk"), Message("user", "go")),), {"gold": "a"})
    bare = Item("bare", ((Message("user", "go"),),), {"gold": "a"})
    policy = always("a")
    rows = run(policy, choice("one", made=[own, bare]), condition=Condition("persona", system="be kind"))
    assert policy.calls[0]["prompts"] == ["system:be kind\n\nyou are a clerk\nuser:go", "system:be kind\nuser:go"]
    assert {row["condition"] for row in rows} == {"persona"}


def test_forced_thoughts_are_chosen_by_item_and_the_same_for_every_policy_and_seed() -> None:
    openings = Condition("thought-beneficial", openings=("i care", "i check"))
    first, second = always("a"), always("b")
    run(first, choice("one", count=32), condition=openings)
    run(second, choice("one", count=32), condition=openings, seed=9)
    assert first.calls[0]["prompts"] == second.calls[0]["prompts"]
    assert first.calls[0]["forced"] is True
    ends = [prompt.rsplit("\n", 1)[1] for prompt in first.calls[0]["prompts"]]
    assert set(ends) == {"[i care]", "[i check]"}
    removed = always("a")
    run(removed, choice("one", count=2), condition=Condition("thought-removed", openings=("",)))
    assert removed.calls[0]["prompts"][0].endswith("\n[]")


def test_conditions_that_make_no_sense_are_refused() -> None:
    for wrong in ({"name": " "}, {"name": "x", "system": ""}, {"name": "x", "openings": ()}):
        with pytest.raises(BeneficentError):
            Condition(**wrong)
    mute = ScriptedPolicy(lambda prompt, seed: "a", SpokenRenderer(thinking=None))
    with pytest.raises(BeneficentError, match="thought-removed"):
        run(mute, choice("one"), condition=Condition("thought-removed", openings=("",)))


@pytest.mark.parametrize("ending", [Ending.TRUNCATED, Ending.ERRORED])
def test_cut_answers_are_unscored_and_never_reach_the_scorer(ending: Ending) -> None:
    def script(prompt: str, seed: int) -> Any:
        return completion("a", "", ending) if "pick 0" in prompt else "a"

    def scorer(item: Item, answers: Any) -> Score:
        assert item.id != "i0"
        return Score(1.0)

    rows = run(ScriptedPolicy(script), choice("one", count=2, scorer=scorer))
    assert [(row["score"], row["unscored"], row["refusal"]) for row in rows] == [
        (None, ending.value, None),
        (1.0, None, "answer"),
    ]
    assert rows[0]["answers"] == ["a"]


def test_one_cut_conversation_leaves_the_item_unscored() -> None:
    item = Item("pair", ((Message("user", "x"),), (Message("user", "y"),)), {"gold": "a"})
    endings = {"user:x": Ending.TRUNCATED, "user:y": Ending.ERRORED}
    policy = ScriptedPolicy(lambda prompt, seed: completion("a", "", endings[prompt]))
    (row,) = run(policy, choice("pairs", made=[item]))
    assert (row["score"], row["unscored"]) == (None, "errored")


def test_the_scorers_own_reason_and_verdicts_are_kept() -> None:
    verdicts = (Verdict("cite", None, "judge timed out"),)
    suite = choice("one", count=1, scorer=lambda item, answers: Score(None, "judge timed out", verdicts))
    (row,) = run(always("a"), suite)
    assert (row["score"], row["unscored"]) == (None, "judge timed out")
    assert json.loads(row["verdicts"]) == [{"criterion": "cite", "met": None, "reason": "judge timed out"}]


def test_an_exception_in_a_scorer_costs_one_item() -> None:
    def scorer(item: Item, answers: Any) -> Score:
        return Score(1.0 / float(item.id != "i1"))

    rows = run(always("a"), choice("one", count=3, scorer=scorer))
    assert [row["score"] for row in rows] == [1.0, None, 1.0]
    assert rows[1]["unscored"] == "ZeroDivisionError: float division by zero" or "division" in str(rows[1]["unscored"])
    assert rows[1]["refusal"] == "answer"


@pytest.mark.parametrize(
    "scorer",
    [
        lambda item, answers: Score(1.5),
        lambda item, answers: Score(float("nan")),
        lambda item, answers: 1.0,
        lambda item, answers: item.data["missing"],
    ],
)
def test_a_scorer_that_fails_on_every_item_stops_the_run_and_is_named(scorer: Any) -> None:
    with pytest.raises(BeneficentError, match=r"'broken'.*all 4 items"):
        run(always("a"), choice("fine"), choice("broken", count=4, scorer=scorer))


def test_a_refusal_classifier_that_fails_is_not_read_as_an_answer() -> None:
    def odd(answer: str) -> Any:
        if answer == "b":
            raise ValueError("what is b ?")
        return "answer"

    policy = ScriptedPolicy(lambda prompt, seed: "b" if "pick 0" in prompt else "a")
    rows = run(policy, choice("one", count=2), refusal=odd)
    assert [(row["refusal"], row["score"]) for row in rows] == [(None, 0.0), ("answer", 0.0)]
    with pytest.raises(BeneficentError, match="refusal classifier failed on all 2"):
        run(always("b"), choice("one", count=2), refusal=odd)


def test_two_benchmarks_or_items_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match="'one' stands twice"):
        run(always("a"), choice("one"), choice("one"))
    twin = Item("i0", ((Message("user", "x"),),), {"gold": "a"})
    with pytest.raises(DataError, match="'i0' stands twice"):
        run(always("a"), choice("one", made=[twin, twin]))
    with pytest.raises(DataError, match="no conversation"):
        run(always("a"), choice("one", made=[Item("i0", ())]))


def test_the_ledger_gets_the_seconds_outside_the_sampler() -> None:
    ledger = Ledger()
    run(always("a"), choice("one"), ledger=ledger)
    assert set(ledger.seconds) == {"rendering", "scoring"}


def test_the_user_pushes_back_and_the_last_answer_is_scored() -> None:
    policy = ScriptedPolicy(lambda prompt, seed: "b" if "come on" in prompt else "a")
    pushed = Condition("push-back-1", push_backs=("come on .",))
    rows = run(policy, choice("one", count=1), condition=pushed)
    assert [call["prompts"] for call in policy.calls] == [
        ["user:pick 0 : a or b ?"],
        ["user:pick 0 : a or b ?\nassistant:a\nuser:come on ."],
    ]
    assert policy.calls[0]["seeds"] != policy.calls[1]["seeds"]
    assert (rows[0]["answers"], rows[0]["score"], rows[0]["num_tokens"]) == (["b"], 0.0, 4)


def test_an_answer_that_was_cut_is_not_pushed_back_at() -> None:
    cut = completion("a", ending=Ending.TRUNCATED)
    policy = ScriptedPolicy(lambda prompt, seed: cut if "pick 0" in prompt else "a")
    rows = run(policy, choice("one", count=2), condition=Condition("push-back-1", push_backs=("come on .",)))
    assert len(policy.calls[1]["prompts"]) == 1
    assert [row["unscored"] for row in rows] == ["truncated", None]


def test_a_standing_line_is_shown_and_is_no_part_of_the_protocol() -> None:
    policy = always("a")
    (plain,) = run(policy, choice("one", count=1))
    (standing,) = run(policy, choice("one", count=1), standing_line="be good .")
    assert policy.calls[1]["prompts"] == ["system:be good .\nuser:pick 0 : a or b ?"]
    assert standing["protocol"] == plain["protocol"]
    (persona,) = run(policy, choice("one", count=1), condition=Condition("clean", system="be good ."))
    assert persona["protocol"] != plain["protocol"]
