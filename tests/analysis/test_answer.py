"""A whole made-up study from score rows to results and tables."""

import copy
import json
from functools import cache
from typing import Any, Literal

import polars as pl
import pytest
from synthetic import make_cards, make_ledgers, make_rollouts, make_scores, make_training, make_trajectories

from beneficent.analysis.answer import answer
from beneficent.analysis.comparison_tables import arms_table, benchmark_table, families_by_arm_table
from beneficent.analysis.settings import AnswerSettings
from beneficent.analysis.statistics import benjamini_hochberg
from beneficent.analysis.tables import learning_table, published_table, seconds_table, tables
from beneficent.core.errors import DataError

SETTINGS = AnswerSettings(num_resamples=2000, preregistered=("spread",))
QUICK = ("baseline", "trait", "health-only")


@cache
def full() -> dict[str, Any]:
    cards = make_cards(12)
    return answer(
        make_scores(cards),
        cards,
        make_trajectories(),
        make_ledgers(),
        SETTINGS,
        rollouts=make_rollouts(),
        training=make_training(),
    )


@cache
def quick() -> dict[str, Any]:
    """One seed, three arms, nothing but scores and steps: the shape of ``lab-quick``."""
    cards = make_cards(8)
    scores = make_scores(cards, arms=QUICK, seeds=(0,)).filter(pl.col("condition") == "clean")
    return answer(scores, cards, make_trajectories(QUICK, (0,)), make_ledgers(QUICK, (0,)), SETTINGS)


def verdict(results: dict[str, Any], question: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in results["verdicts"] if one["id"] == question)
    return found


def test_json_holds_it_without_loss() -> None:
    assert json.loads(json.dumps(full(), allow_nan=False)) == full()


def test_the_planted_effects_come_back() -> None:
    spread = full()["spread"]
    for arm, effect in (("trait", 0.2), ("health-only", 0.15), ("helpfulness", 0.0), ("style", 0.0)):
        estimate = spread[arm]["subsets"]["all"]["these_models"]
        assert estimate["low"] - 0.03 < effect < estimate["high"] + 0.03, arm
    assert spread["trait"]["subsets"]["all"]["significant"]["these_models"]["ahead"] >= 8
    assert full()["mediation"]["arms"]["trait"]["all"]["share"]["value"] > 0.5


def test_two_calls_agree() -> None:
    cards = make_cards(3)
    scores = make_scores(cards, num_items=20)
    first, second = (answer(scores, cards, {}, {}, SETTINGS) for _ in range(2))
    assert first == second


def test_the_baseline_is_the_reference_and_no_row_of_its_own() -> None:
    assert list(full()["arms"])[:3] == ["pre-RL", "baseline", "trait"]
    assert {row["reference"] for row in full()["rows"]} == {"baseline"}
    assert "baseline" not in full()["spread"]


def test_q_values_are_corrected_within_arm_and_role() -> None:
    rows = [row for row in full()["rows"] if row["arm"] == "trait" and row["role"] == "capability"]
    assert [row["these_models"]["q"] for row in rows] == [row["these_models"]["p"] for row in rows]


@pytest.mark.parametrize("family", ["arm", "study"])
def test_the_family_is_what_the_settings_declare(family: Literal["arm", "study"]) -> None:
    cards = make_cards(6)
    results = answer(make_scores(cards, num_items=32), cards, {}, {}, AnswerSettings(num_resamples=1000, family=family))
    rows = [row for row in results["rows"] if row["role"] == "alignment"]
    together = rows if family == "study" else [row for row in rows if row["arm"] == "style"]
    expected = benjamini_hochberg([row["these_models"]["p"] for row in together])
    assert [row["these_models"]["q"] for row in together] == pytest.approx(expected)


def test_sentences_name_interval_seeds_and_label() -> None:
    spread = verdict(full(), "spread")
    assert spread["label"] == "preregistered"
    assert spread["kind"] == "this_method"
    assert spread["seeds"] == 3
    assert "95% for these models" in spread["sentence"]
    assert "95% for this method over 3 seeds" in spread["sentence"]
    assert "44 of 53" in spread["published"]
    assert verdict(full(), "installed")["label"] == "exploratory"


def test_the_ledger_gives_the_ratio_to_the_baseline() -> None:
    assert full()["ledgers"]["trait"]["flops_ratio"] == pytest.approx(3.2 / 3.0)
    assert full()["ledgers"]["baseline"]["seconds"] == {"sampling": 15.0, "training": 24.0}


def test_learning_is_flagged() -> None:
    assert full()["learning"]["matched_in_learning"] is False
    assert verdict(full(), "learning")["warning"] == "Matched in compute, not in learning."
    assert any("Matched in compute" in warning for warning in full()["warnings"])


def test_curves_average_seeds_in_few_bins() -> None:
    mine = [row for row in full()["curves"] if row["arm"] == "trait" and row["slots"] == "trait"]
    assert len(mine) == 20
    assert all(row["low"] <= row["reward"] <= row["high"] and row["seeds"] == 3 for row in mine)


def test_one_seed_speaks_of_these_models_only() -> None:
    results = quick()
    spread = verdict(results, "spread")
    assert spread["kind"] == "these_models"
    assert "this method: not given, needs 3 seeds, has 1" in spread["sentence"]
    assert results["mediation"] is None
    assert results["learning"]["matched_in_learning"] is not None
    assert any("There is one seed an arm" in warning for warning in results["warnings"])
    assert "helpfulness" not in results["controls"]


@pytest.mark.parametrize("results", [full, quick])
def test_every_table_is_square_text(results: Any) -> None:
    found = tables(results())
    assert len(found) >= 10
    for table in [*found, benchmark_table(results(), "trait")]:
        assert table.rows
        for row in table.rows:
            assert len(row) == len(table.columns), table.title
            assert all(isinstance(cell, str) and cell for cell in row), table.title


def test_every_arm_is_counted_by_format_and_by_family() -> None:
    rows = {row[0]: row for row in arms_table(full()).rows}
    spread = full()["spread"]
    for arm in ("trait", "health-only", "helpfulness"):
        parts = [rows[arm][1], rows[f"{arm}: trained format"][1], rows[f"{arm}: other formats"][1]]
        assert parts == ["12", "4", "8"]
        assert int(rows[f"{arm}: other formats"][2]) == spread[arm]["subsets"]["other formats"]["ahead"]
    table = families_by_arm_table(full())
    assert table.columns == ("family", "trait", "health-only", "no-health-science", "helpfulness", "style")
    cells = {row[0]: row[1] for row in table.rows}
    own = spread["trait"]["families"]["honesty"]
    assert cells["honesty"] == f"{100 * own['difference']:+.1f} ({own['ahead']} of 3)"
    assert len(cells) == 4


def test_a_control_that_does_not_bite_is_printed_as_inert_everywhere() -> None:
    results = copy.deepcopy(full())
    assert "inert" not in str(tables(results))
    results["controls"]["helpfulness"]["bites"]["bites"] = False
    assert "helpfulness (inert)" in {row[0] for row in arms_table(results).rows}
    assert "helpfulness (inert)" in families_by_arm_table(results).columns
    published = {row[0]: row[2] for row in published_table(results).rows}
    assert published["helpfulness"].endswith("(inert: its reward does not bite)")
    assert "inert" not in published["spread"]


def test_what_training_left_out_and_where_its_time_went_is_shown() -> None:
    table = learning_table(full())
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["update norm"], row["cut"], row["unscored"]) == ("0.0100", "1.0%", "0.0%")
    assert seconds_table(full()).columns == ("arm", "sampling", "training")
    assert seconds_table(full()).rows[0] == ("baseline", "15.0", "24.0")


def test_benchmarks_stand_best_first() -> None:
    differences = [float(row[6]) for row in benchmark_table(full(), "trait").rows]
    assert differences == sorted(differences, reverse=True)


def test_a_baseline_alone_is_an_answer_too() -> None:
    cards = make_cards(3)
    results = answer(make_scores(cards, arms=("baseline",), seeds=(0,)), cards, {}, {}, SETTINGS)
    assert results["spread"] == {}
    assert [v["id"] for v in results["verdicts"]] == []
    assert tables(results)


def test_no_baseline_and_no_clean_rows_are_refused() -> None:
    cards = make_cards(3)
    scores = make_scores(cards, arms=("trait",), seeds=(0,))
    with pytest.raises(DataError, match="no scores of the baseline arm 'baseline'; there are"):
        answer(scores, cards, {}, {}, SETTINGS)
    with pytest.raises(DataError, match="no scores under the condition 'clean'"):
        answer(scores.filter(pl.col("condition") != "clean"), cards, {}, {}, SETTINGS)


def test_uncompared_benchmarks_are_named() -> None:
    cards = make_cards(3)
    scores = make_scores(cards, arms=("baseline", "trait"), seeds=(0,), num_items=20)
    lost = (pl.col("benchmark") == "bench-01") & (pl.col("arm") == "trait")
    emptied = scores.with_columns(
        score=pl.when(lost).then(None).otherwise(pl.col("score")),
        unscored=pl.when(lost).then(pl.lit("judge timed out")).otherwise(pl.col("unscored")),
    )
    results = answer(emptied, cards, {}, {}, SETTINGS)
    summary = results["spread"]["trait"]["subsets"]["all"]
    assert (summary["benchmarks"], summary["compared"]) == (3, 2)
    assert any("bench-01 (trait: no item graded in both arms for seed 0)" in w for w in results["warnings"])
    assert "1 more could not be compared" in verdict(results, "spread")["sentence"]
