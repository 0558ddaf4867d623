"""Readings: what is cut, what verdicts say, what fits, and which training rollouts are chosen."""

import json

import polars as pl
import pytest
from markupsafe import Markup, escape
from synthetic import make_rollouts

from beneficent.report.readings import MAX_CHARS, MAX_VERDICTS, Kind, Reading, cut, fit, numbered, read_verdicts
from beneficent.report.rollouts import choose_rollouts
from beneficent.situations.types import Message


def reading(group: str, head: str, kind: Kind = "best", shelf: str = "shelf") -> Reading:
    return Reading(shelf, group, kind, head, "", ())


def show(one: Reading) -> Markup:
    return Markup(escape(one.head))


def test_everything_that_fits_is_shown_in_order() -> None:
    shelves = fit([reading("b", "1"), reading("a", "2", shelf="other"), reading("b", "3")], show, 3)
    assert {shelf: [(group.name, group.shown) for group in groups] for shelf, groups in shelves.items()} == {
        "shelf": [("b", ["1", "3"])],
        "other": [("a", ["2"])],
    }


def test_every_group_gets_one_before_any_gets_two() -> None:
    given = [reading(group, group * 2) for group in ("a", "a", "a", "b", "b", "c")]
    (groups,) = fit(given, show, 8).values()
    assert [(group.name, len(group.shown)) for group in groups] == [("a", 2), ("b", 1), ("c", 1)]


def test_bytes_are_counted_as_they_stand_in_the_page() -> None:
    assert fit([reading("a", "<")], show, 3) == {}
    assert fit([reading("a", "<")], show, 4)["shelf"][0].shown == ["&lt;"]
    assert fit([reading("a", "é")], show, 1) == {}


def test_what_is_too_long_makes_room_for_what_is_not() -> None:
    (groups,) = fit([reading("a", "xxxx"), reading("b", "y")], show, 3).values()
    assert [group.name for group in groups] == ["b"]


def test_long_text_is_cut_with_a_note() -> None:
    assert cut("a" * MAX_CHARS) == "a" * MAX_CHARS
    assert cut("a" * (MAX_CHARS + 1234)) == "a" * MAX_CHARS + " ... (1,234 characters more)"


def test_several_conversations_are_numbered() -> None:
    assert numbered(["one"]) == "one"
    assert numbered(["one", "two"]) == "[1] one\n[2] two"


@pytest.mark.parametrize(
    "text", ["not json", '{"a": 1}', '[{"criterion": "c"}]', "[1]", '[{"criterion": "c", "met": [1]}]']
)
def test_verdicts_that_cannot_be_read_are_shown(text: str) -> None:
    assert read_verdicts(text) == ((text, "not readable"),)


def test_verdicts_in_words_with_their_reasons() -> None:
    verdicts = [
        {"criterion": "a", "met": True, "reason": "it says so"},
        {"criterion": "b", "met": False, "reason": ""},
        {"criterion": "c", "met": None},
    ]
    assert read_verdicts(json.dumps(verdicts)) == (("a", "met: it says so"), ("b", "not met"), ("c", "unscored"))
    assert read_verdicts(None) == ()


def test_more_verdicts_than_anyone_reads_are_counted() -> None:
    found = read_verdicts(json.dumps([{"criterion": "c", "met": True}] * (MAX_VERDICTS + 5)))
    assert len(found) == MAX_VERDICTS + 1
    assert found[-1] == ("5 criteria more", "not shown")


def test_best_and_worst_come_from_late_training() -> None:
    prompts = {f"truthfulness-health-{step}": [Message("user", f"step {step}")] for step in range(40)}
    chosen = choose_rollouts(make_rollouts(), prompts)
    trait = [one for one in chosen if one.group == "trait"]
    assert [one.kind for one in trait] == ["best", "best", "worst", "worst"]
    assert [one.sides[0].score for one in trait] == [1.0, 1.0, 0.0, 0.0]
    steps = [int(one.head.split("step ")[1]) for one in trait]
    assert min(steps) > 0.75 * 38
    assert [one.prompt for one in trait] == [f"user: step {step}" for step in steps]
    assert chosen[0].group == "baseline"


def test_unscored_rollouts_are_never_the_worst() -> None:
    unscored = make_rollouts().with_columns(
        score=pl.when(pl.col("step") >= 30).then(None).otherwise(pl.col("score")), unscored=pl.lit("judge timed out")
    )
    assert all("step 3" not in one.head for one in choose_rollouts(unscored, {}))
    assert choose_rollouts(None, {}) == []


def test_a_long_answer_is_cut_in_the_reading() -> None:
    one = choose_rollouts(make_rollouts(answer="a" * (MAX_CHARS + 1234)), {})[0]
    assert one.sides[0].answer.endswith("... (1,234 characters more)")
