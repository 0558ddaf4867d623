"""Which pairs of baseline and trait answers are shown, and what a published page takes out of them."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beneficent.report.pairs import BENCHMARKS, QUOTED, TRAITS, choose_pairs, without_quotes
from beneficent.report.readings import Reading
from beneficent.situations.types import Message

ITEM = ((Message("user", "one two three four five six seven eight nine ten"), Message("assistant", "Is it safe")),)


def results(benchmarks: dict[str, bool], traits: dict[str, str] | None = None) -> dict[str, Any]:
    """``benchmarks``: name -> whether it is home-made; ``traits``: held-out benchmark -> trait."""
    rows = [
        {"arm": arm, "benchmark": name, "title": name.capitalize(), "home_made": home_made}
        for name, home_made in benchmarks.items()
        for arm in ("trait", "style")
    ]
    levels = [{"benchmark": name, "trait": trait} for name, trait in (traits or {}).items()]
    return {"baseline": "baseline", "trait_arm": "trait", "rows": rows, "traits": {"levels": levels}}


def rows(scores: dict[str, tuple[float | None, float | None]], benchmark: str = "risk", seed: int = 0) -> pl.DataFrame:
    """Item -> scores of baseline and trait."""
    return pl.DataFrame(
        [
            {
                "arm": arm,
                "seed": seed,
                "benchmark": benchmark,
                "item": item,
                "condition": "clean",
                "score": score,
                "answers": [f"{arm} on {item}"],
                "thoughts": [f"{arm} thinks"],
                "verdicts": '[{"criterion": "names the risk", "met": true, "reason": "it does"}]',
            }
            for item, both in scores.items()
            for arm, score in zip(("baseline", "trait"), both, strict=True)
        ],
        infer_schema_length=None,
    )


def picked(found: list[Reading]) -> list[tuple[str, str]]:
    return [(one.kind, one.head.split(",")[0].removeprefix("item ")) for one in found]


def test_most_changed_in_both_directions_then_best_and_worst_of_the_rest() -> None:
    scores = {"a": (0.1, 0.9), "b": (0.9, 0.2), "c": (0.8, 1.0), "d": (0.1, 0.0), "e": (0.5, 0.5)}
    found = choose_pairs(rows(scores), results({"risk": True}), {("risk", "a"): ITEM})
    assert picked(found) == [("most changed", "a"), ("most changed", "b"), ("best", "c"), ("worst", "d")]
    first = found[0]
    assert [(side.arm, side.score, side.answer) for side in first.sides] == [
        ("baseline", 0.1, "baseline on a"),
        ("trait", 0.9, "trait on a"),
    ]
    assert first.prompt.startswith("user: one two three")
    assert first.sides[0].verdicts == (("names the risk", "met: it does"),)
    assert found[1].prompt == "", "an item whose text is not at hand"


def test_pairs_that_one_arm_has_no_score_for_are_left_out() -> None:
    scores = {"a": (None, 1.0), "b": (0.0, None), "c": (0.5, 0.5)}
    assert picked(choose_pairs(rows(scores), results({"risk": True}), {})) == [("best", "c")]


def test_seeds_are_paired_with_themselves() -> None:
    both = pl.concat([rows({"a": (0.0, 0.0)}, seed=0), rows({"a": (1.0, 1.0)}, seed=1)])
    (one,) = choose_pairs(both, results({"risk": True}), {})
    assert one.head == "item a, seed 1"
    assert [side.score for side in one.sides] == [1.0, 1.0]


def test_other_conditions_are_not_shown() -> None:
    forced = rows({"a": (0.0, 1.0)}).with_columns(condition=pl.lit("thought-harmful"))
    assert choose_pairs(forced, results({"risk": True}), {}) == []
    assert choose_pairs(None, results({"risk": True}), {}) == []


def test_ties_do_not_go_to_the_first_item() -> None:
    scores: dict[str, tuple[float | None, float | None]] = {f"item-{n:02d}": (0.0, 1.0) for n in range(40)}
    firsts = {
        picked(choose_pairs(rows(scores, name), results({name: True}), {}))[0][1] for name in ("risk", "care", "plan")
    }
    assert len(firsts) == 3


def test_traits_come_before_benchmarks_and_titles_are_told_apart() -> None:
    own = results({"risk": True, "held-out truth": True}, {"held-out truth": "truthfulness"})
    both = pl.concat([rows({"a": (0.0, 1.0)}), rows({"a": (0.0, 1.0)}, "held-out truth")])
    assert [(one.shelf, one.group) for one in choose_pairs(both, own, {})] == [
        (TRAITS, "truthfulness"),
        (BENCHMARKS, "Risk"),
    ]
    same = results({"risk": True, "RISK": True})
    twins = pl.concat([rows({"a": (0.0, 1.0)}), rows({"a": (0.0, 1.0)}, "RISK")])
    assert [one.group for one in choose_pairs(twins, same, {})] == ["Risk (risk)", "Risk (RISK)"]


def test_a_published_page_names_items_by_id_and_takes_quotations_out() -> None:
    said = rows({"a": (0.0, 1.0)}).with_columns(
        answers=pl.concat_list(pl.lit("well, Two three four five six seven eight nine TEN is long; is it safe here"))
    )
    items = {("risk", "a"): ITEM}
    (hidden,) = choose_pairs(said, results({"risk": False}), items, publish=True)
    (shown,) = choose_pairs(said, results({"risk": True}), items, publish=True)
    assert "one two" not in hidden.prompt
    assert hidden.prompt.startswith("Item a. ")
    assert [side.answer for side in hidden.sides] == [f"well, {QUOTED} is long; {QUOTED} here"] * 2
    assert hidden.sides[0].verdicts == (("criterion 1", "met"),)
    assert "one two" in shown.prompt
    assert "Two three" in shown.sides[0].answer


def test_without_the_text_of_an_item_nothing_said_about_it_is_published() -> None:
    (one,) = choose_pairs(rows({"a": (0.0, 1.0)}), results({"risk": False}), {}, publish=True)
    assert all(text.startswith("(not shown") for side in one.sides for text in (side.thought, side.answer))


@given(st.lists(st.sampled_from("abcdef"), max_size=30), st.integers(0, 30), st.lists(st.sampled_from("uvwxyz")))
def test_nothing_of_an_item_is_left_wherever_it_is_quoted(before: list[str], at: int, item: list[str]) -> None:
    words = [*(f"item{n}{word}" for n, word in enumerate(item)), "item-a", "item-b", "item-c"]
    quoted = " ".join([*before[:at], *words, *before[at:]])
    left = without_quotes(quoted, ((Message("user", " ".join(words)),),))
    assert "item" not in left.replace(QUOTED, "")
    assert left.replace(QUOTED, "").split() == before


@pytest.mark.parametrize("text", ["", "  \n ", "a b c", "one two three four five six seven"])
def test_what_quotes_nothing_stays(text: str) -> None:
    assert without_quotes(text, ITEM) == text.strip()
