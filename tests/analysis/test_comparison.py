"""Comparison, transfer, refusals, mediation and controls on tables small enough to check by hand."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from synthetic import make_cards, make_rollouts, make_scores, make_trajectories

from beneficent.analysis.comparison import compare, correct, summarise
from beneficent.analysis.controls import learning, length_drift, reward_bites
from beneficent.analysis.mediation import mediation
from beneficent.analysis.refusals import non_refusing_pairs, refusal_rates
from beneficent.analysis.settings import AnswerSettings
from beneficent.analysis.sheets import Denominators, Sheet, lay_out, unscored_reasons
from beneficent.analysis.transfer import by_family, by_subset, transfer_lines
from beneficent.benchmarks.types import Card
from beneficent.core.errors import DataError, RecipeError

SETTINGS = AnswerSettings(num_resamples=1000)
CARD = Card("b", "B", "honesty", "choice", 1, "exact", False)


def rows_of(
    arm: str,
    seed: int,
    scores: list[float | None],
    *,
    condition: str = "clean",
    refusal: str | None = "answer",
    benchmark: str = "b",
    protocol: str = "p",
    cluster: str | None = None,
) -> list[dict[str, Any]]:
    return [
        {
            "arm": arm,
            "seed": seed,
            "benchmark": benchmark,
            "item": f"i{number}",
            "cluster": cluster,
            "condition": condition,
            "protocol": protocol,
            "score": score,
            "unscored": "off the form" if score is None else None,
            "refusal": refusal,
        }
        for number, score in enumerate(scores)
    ]


def sheet_of(*rows: list[dict[str, Any]], card: Card = CARD) -> Sheet:
    frame = pl.DataFrame([row for part in rows for row in part], infer_schema_length=None)
    return lay_out(frame, [card])[0]


class TestDifference:
    # Seed 0: items 0 and 2 are graded in both, differences 1 and 0. Seed 1: all three, differences 1, 0, 1.
    sheet = sheet_of(
        rows_of("trait", 0, [1.0, None, 0.0]),
        rows_of("baseline", 0, [0.0, 1.0, 0.0]),
        rows_of("trait", 1, [1.0, 1.0, 1.0]),
        rows_of("baseline", 1, [0.0, 1.0, 0.0]),
        rows_of("pre-RL", -1, [0.0, 1.0, 1.0]),
    )

    def test_by_hand(self) -> None:
        row = compare([self.sheet], [("trait", "baseline")], "pre-RL", SETTINGS)[0]
        assert row.per_seed is not None
        assert row.per_seed.tolist() == pytest.approx([0.5, 2 / 3])
        assert row.difference == pytest.approx(7 / 12)
        assert row.level == pytest.approx((0.5 + 1.0) / 2)
        assert row.reference_level == pytest.approx((0.0 + 1 / 3) / 2)
        assert row.start_level == pytest.approx(2 / 3)
        assert (row.num_pairs, row.num_asked_pairs, row.num_clusters) == (5, 6, 3)
        assert row.denominators["trait"] == Denominators(asked=6, answered=6, graded=5, failed=1)

    def test_too_few_items_and_seeds_have_reasons(self) -> None:
        row = compare([self.sheet], [("trait", "baseline")], "pre-RL", SETTINGS)[0].as_dict()
        assert row["these_models"]["reason"] == "needs 5 independent items, has 3"
        assert row["this_method"]["reason"] == "needs 3 seeds, has 2"
        assert row["these_models"]["error"] is None

    def test_levels_differ_by_the_difference(self) -> None:
        cards = make_cards(4)
        rows = compare(lay_out(make_scores(cards), cards), [("trait", "baseline")], "pre-RL", SETTINGS)
        for row in rows:
            assert row.level - row.reference_level == pytest.approx(row.difference)

    def test_seeds_not_shared_are_left_out(self) -> None:
        sheet = sheet_of(rows_of("trait", 0, [1.0]), rows_of("baseline", 1, [0.0]))
        row = compare([sheet], [("trait", "baseline")], "pre-RL", SETTINGS)[0]
        assert row.reason == "trait and baseline have no seed in common"
        summary = summarise([row], SETTINGS)
        assert (summary["benchmarks"], summary["compared"], summary["difference"]) == (1, 0, None)

    def test_a_seed_without_pairs_is_not_compared(self) -> None:
        sheet = sheet_of(rows_of("trait", 0, [None, 1.0]), rows_of("baseline", 0, [1.0, None]))
        row = compare([sheet], [("trait", "baseline")], "pre-RL", SETTINGS)[0]
        assert row.reason == "no item graded in both arms for seed 0"
        assert row.as_dict()["compared"] is False

    def test_an_unscored_item_changes_nothing(self) -> None:
        rng = np.random.default_rng(0)
        own = [[float(x) for x in rng.integers(0, 2, 20)] for _ in range(2)]
        plain = sheet_of(rows_of("trait", 0, own[0]), rows_of("baseline", 0, own[1]))
        longer = sheet_of(rows_of("trait", 0, [*own[0], None]), rows_of("baseline", 0, [*own[1], 1.0]))
        first, second = (compare([s], [("trait", "baseline")], "pre-RL", SETTINGS)[0] for s in (plain, longer))
        assert first.estimates == second.estimates

    def test_clusters_are_the_units(self) -> None:
        arms = [
            rows_of(arm, 0, [level] * 30, cluster="one source") for arm, level in (("trait", 1.0), ("baseline", 0.0))
        ]
        row = compare([sheet_of(*arms)], [("trait", "baseline")], "pre-RL", SETTINGS)[0]
        assert row.num_clusters == 1
        assert row.as_dict()["these_models"]["low"] is None

    def test_every_seed_the_same_draw(self) -> None:
        # The second seed repeats the first: crossing must leave the error as it was, not shrink it by sqrt(2).
        rng = np.random.default_rng(0)
        own = {arm: [float(x) for x in rng.integers(0, 2, 40)] for arm in ("trait", "baseline")}
        one = sheet_of(*(rows_of(arm, 0, scores) for arm, scores in own.items()))
        two = sheet_of(*(rows_of(arm, seed, scores) for arm, scores in own.items() for seed in (0, 1)))
        errors = [
            compare([sheet], [("trait", "baseline")], "pre-RL", SETTINGS)[0].as_dict()["these_models"]["error"]
            for sheet in (one, two)
        ]
        assert errors[0] == pytest.approx(errors[1])


class TestSheets:
    good = rows_of("trait", 0, [1.0, 0.0])

    def test_mixed_protocols_are_refused_by_name(self) -> None:
        frame = pl.DataFrame(self.good + rows_of("baseline", 0, [1.0, 0.0], protocol="other"))
        with pytest.raises(DataError, match=r"b \(clean\) was scored under 2 protocols.*trait.*Score these arms again"):
            lay_out(frame, [CARD])

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"score": 1.5}, "a score lies in 0..1"),
            ({"score": float("nan")}, "a score lies in 0..1"),
            ({"score": None}, "a score or a reason, not both or neither"),
            ({"refusal": "maybe"}, "refusal is one of"),
            ({"item": "i1"}, "scored more than once"),
            ({"benchmark": "unheard of"}, "without a card"),
        ],
    )
    def test_bad_rows_are_refused(self, change: dict[str, Any], message: str) -> None:
        frame = pl.DataFrame([self.good[0] | change, *self.good[1:]], infer_schema_length=None, strict=False)
        with pytest.raises(DataError, match=message):
            lay_out(frame, [CARD])

    def test_missing_columns_and_double_cards_are_refused(self) -> None:
        with pytest.raises(DataError, match="lack the columns \\['protocol'\\]"):
            lay_out(pl.DataFrame(self.good).drop("protocol"), [CARD])
        with pytest.raises(DataError, match="same name"):
            lay_out(pl.DataFrame(self.good), [CARD, CARD])

    def test_denominators_by_hand(self) -> None:
        rows = rows_of("trait", 0, [1.0, None, None, 0.0])
        rows[1]["unscored"] = "truncated"
        frame = pl.DataFrame(rows, infer_schema_length=None)
        assert lay_out(frame, [CARD])[0].counted("trait") == Denominators(asked=4, answered=3, graded=2, failed=1)
        assert {row["reason"]: row["count"] for row in unscored_reasons(frame)} == {"truncated": 1, "off the form": 1}

    def test_order_of_rows_and_benchmarks_changes_nothing(self) -> None:
        cards = make_cards(5)
        scores = make_scores(cards, num_items=20)
        scores = scores.filter(pl.col("condition") == "clean")
        shuffled = scores.sample(fraction=1.0, shuffle=True, seed=3)
        first = compare(lay_out(scores, cards), [("trait", "baseline")], "pre-RL", SETTINGS)
        second = compare(lay_out(shuffled, cards[::-1]), [("trait", "baseline")], "pre-RL", SETTINGS)
        by_name = {row.card.name: row.as_dict() for row in second}
        assert [by_name[row.card.name] for row in first] == [row.as_dict() for row in first]


class TestSummaries:
    cards = make_cards(12)
    contrasts = tuple((arm, "baseline") for arm in ("trait", "health-only", "no-health-science"))
    rows = correct(
        compare(
            [sheet for sheet in lay_out(make_scores(cards), cards) if sheet.condition == "clean"],
            contrasts,
            "pre-RL",
            SETTINGS,
        ),
        lambda row: row.arm,
    )
    alignment = tuple(row for row in rows if row.card.role == "alignment")
    trait = tuple(row for row in alignment if row.arm == "trait")

    def test_counts_add_up_and_the_mean_weighs_benchmarks_the_same(self) -> None:
        summary = summarise(self.trait, SETTINGS)
        assert summary["ahead"] + summary["tied"] + summary["behind"] == summary["compared"] == 12
        assert summary["difference"] == pytest.approx(np.mean([row.difference for row in self.trait]))
        per_seed = np.mean([row.per_seed for row in self.trait if row.per_seed is not None], axis=0)
        assert summary["this_method"]["value"] == pytest.approx(per_seed.mean())

    def test_error_of_the_mean_is_that_of_independent_benchmarks(self) -> None:
        errors = [row.as_dict()["these_models"]["error"] for row in self.trait]
        expected = np.sqrt(np.square(errors).sum()) / 12
        assert summarise(self.trait, SETTINGS)["these_models"]["error"] == pytest.approx(expected, rel=0.1)

    def test_subsets_and_families_divide_the_suite(self) -> None:
        subsets = by_subset(self.trait, SETTINGS)
        for one, other in (
            ("trained format", "other formats"),
            ("health", "non-health"),
            ("traffic", "not traffic"),
            ("home-made", "public"),
        ):
            assert subsets[one]["benchmarks"] + subsets[other]["benchmarks"] == 12
        assert sum(own["benchmarks"] for own in by_family(self.trait, SETTINGS).values()) == 12

    def test_transfer_reads_what_was_not_trained(self) -> None:
        lines = transfer_lines(self.alignment, SETTINGS)
        assert lines["health-only"]["all"]["benchmarks"] == 9
        assert lines["no-health-science"]["all"]["benchmarks"] == 3
        assert "health-only" not in transfer_lines(self.trait, SETTINGS)

    def test_one_thin_benchmark_does_not_cost_the_mean_its_interval(self) -> None:
        cards = [CARD, Card("thin", "Thin", "honesty", "choice", 1, "exact", False)]
        own = {arm: [float(i % 3 == shift) for i in range(40)] for shift, arm in enumerate(("trait", "baseline"))}
        rows = [row for arm, scores in own.items() for row in rows_of(arm, 0, scores)]
        for arm, scores in own.items():
            rows += rows_of(arm, 0, [*scores[:2], *[None] * 38], benchmark="thin")
        sheets = lay_out(pl.DataFrame(rows, infer_schema_length=None), cards)
        compared = compare(sheets, [("trait", "baseline")], "pre-RL", SETTINGS)
        assert compared[1].as_dict()["these_models"]["low"] is None
        assert summarise(compared, SETTINGS)["these_models"]["low"] is not None

    def test_nothing_to_summarise_says_so(self) -> None:
        summary = summarise([], SETTINGS)
        assert summary["these_models"]["reason"] == "no benchmark to compare"
        assert summary["significant"]["these_models"]["smallest_q"] is None


def classed(rows: list[dict[str, Any]], classes: list[str]) -> list[dict[str, Any]]:
    return [row | {"refusal": own} for row, own in zip(rows, classes, strict=True)]


class TestRefusals:
    # Items: both answer; trait refuses; baseline refuses; both refuse.
    sheet = sheet_of(
        classed(rows_of("trait", 0, [1.0, 0.0, 1.0, 0.0]), ["answer", "refusal", "partial", "refusal"]),
        classed(rows_of("baseline", 0, [0.5, 0.25, 0.0, 0.0]), ["answer", "answer", "refusal", "refusal"]),
    )

    def test_rates(self) -> None:
        rates = refusal_rates([self.sheet], ["trait", "baseline"])
        assert (rates["trait"]["refusal"], rates["trait"]["partial"]) == (0.5, 0.25)
        assert rates["baseline"] == {"refusal": 0.5, "partial": 0.0, "benchmarks": 1, "classed": 4, "asked": 4}

    def test_pairs_and_bounds_by_hand(self) -> None:
        # Kept: 1 - 0.5. Low: 0.5, 0 - 0.25, 1 - 1, 0 - 1. High: 0.5, 1 - 0.25, 1 - 0, 1 - 0.
        pairs = non_refusing_pairs([self.sheet], "trait", "baseline")
        assert (pairs["pairs"], pairs["left_out"]) == (1, 3)
        assert pairs["difference"] == pytest.approx(0.5)
        assert pairs["low"] == pytest.approx((0.5 - 0.25 + 0.0 - 1.0) / 4)
        assert pairs["high"] == pytest.approx((0.5 + 0.75 + 1.0 + 1.0) / 4)

    def test_without_classes_nothing_is_said(self) -> None:
        sheet = sheet_of(rows_of("trait", 0, [1.0], refusal=None), rows_of("baseline", 0, [0.0], refusal=None))
        assert refusal_rates([sheet], ["trait"])["trait"]["refusal"] is None
        assert non_refusing_pairs([sheet], "trait", "baseline")["difference"] is None


def mediation_of(trait_forced: list[float], baseline_forced: list[float]) -> dict[str, Any]:
    """A panel of 20 items: clean 0.9 against 0.3 on average, forced thoughts as given."""
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.1, 0.1, 20)
    sheets = []
    for condition in ("clean", "thought-beneficial", "thought-harmful"):
        place = ("thought-beneficial", "thought-harmful").index(condition) if condition != "clean" else None
        levels = (0.8, 0.3) if place is None else (trait_forced[place], baseline_forced[place])
        rows = [
            row
            for arm, level, sign in (("trait", levels[0], 1), ("baseline", levels[1], -1))
            for row in rows_of(arm, 0, [float(level + sign * x) for x in noise], condition=condition)
        ]
        sheets.append(sheet_of(rows))
    found = mediation(sheets, ["trait"], ["trait", "baseline"], SETTINGS)
    assert found is not None
    return found


class TestMediation:
    def test_all_of_it_runs_through_the_thought(self) -> None:
        share = mediation_of([0.85, 0.15], [0.85, 0.15])["arms"]["trait"]["all"]["share"]
        assert share["value"] == pytest.approx(1.0, abs=0.05)
        assert share["low"] <= 1.0 <= share["high"]

    def test_none_of_it_does(self) -> None:
        share = mediation_of([0.8, 0.8], [0.3, 0.3])["arms"]["trait"]["all"]["share"]
        assert share["value"] == pytest.approx(0.0, abs=1e-9)

    def test_half_by_hand(self) -> None:
        # Clean 0.5 apart; forced 0.3 and 0.2 apart, 0.25 on average.
        own = mediation_of([0.8, 0.5], [0.5, 0.3])["arms"]["trait"]["all"]
        assert own["share"]["value"] == pytest.approx(0.5, abs=0.05)
        assert own["share"]["by_condition"]["thought-harmful"] == pytest.approx(0.6, abs=0.05)

    def test_no_share_of_a_difference_that_is_not_there(self) -> None:
        rng = np.random.default_rng(0)
        arms = ("trait", "baseline")
        conditions = ("clean", "thought-beneficial", "thought-harmful")
        sheets = [
            sheet_of(*(rows_of(arm, 0, [float(x) for x in rng.integers(0, 2, 40)], condition=c) for arm in arms))
            for c in conditions
        ]
        found = mediation(sheets, ["trait"], arms, SETTINGS)
        assert found is not None
        assert found["arms"]["trait"]["all"]["share"]["value"] is None
        assert "cannot be told from zero" in found["arms"]["trait"]["all"]["share"]["reason"]

    def test_the_panel_is_the_items_asked_in_every_condition(self) -> None:
        clean = sheet_of(rows_of("trait", 0, [1.0, 0.0, 1.0]), rows_of("baseline", 0, [0.0, 0.0, 0.0]))
        forced = sheet_of(
            rows_of("trait", 0, [1.0, 1.0], condition="thought-harmful"),
            rows_of("baseline", 0, [1.0, 0.0], condition="thought-harmful"),
        )
        found = mediation([clean, forced], ["trait"], ["trait", "baseline"], SETTINGS)
        assert found is not None
        assert found["items"] == 2
        levels = {(row["arm"], row["condition"]): row["level"] for row in found["levels"]}
        assert levels["trait", "clean"] == 0.5

    def test_without_forced_thoughts_there_is_none(self) -> None:
        assert mediation([sheet_of(rows_of("trait", 0, [1.0]))], ["trait"], ["trait"], SETTINGS) is None


class TestControls:
    def test_a_reward_that_bites(self) -> None:
        gate = reward_bites("helpfulness", "trait", make_rollouts(), make_trajectories(), SETTINGS)
        assert gate["bites"] is True
        assert gate["spread"]["ratio"] > 0.5

    def test_a_constant_reward_is_inert(self) -> None:
        flat = make_rollouts().with_columns(
            pl.when(pl.col("arm") == "helpfulness").then(0.5).otherwise(pl.col("score")).alias("score")
        )
        gate = reward_bites("helpfulness", "trait", flat, make_trajectories(), SETTINGS)
        assert gate["bites"] is False
        assert gate["spread"]["holds"] is False

    def test_a_reward_that_copies_the_trait_reward_is_no_control(self) -> None:
        copied = make_rollouts().with_columns(
            pl.when(pl.col("arm") == "helpfulness")
            .then(pl.col("score_trait"))
            .otherwise(pl.col("score"))
            .alias("score")
        )
        gate = reward_bites("helpfulness", "trait", copied, make_trajectories(), SETTINGS)
        assert gate["correlation"]["value"] == pytest.approx(1.0)
        assert gate["bites"] is False

    def test_a_reward_that_does_not_rise(self) -> None:
        flat = {run: steps.with_columns(reward_trait=pl.lit(0.5)) for run, steps in make_trajectories().items()}
        noisy = {
            run: steps.with_columns(reward_trait=pl.Series(np.random.default_rng(0).uniform(0.4, 0.6, steps.height)))
            for run, steps in flat.items()
        }
        assert reward_bites("style", "trait", make_rollouts(), noisy, SETTINGS)["rise"]["holds"] is False
        assert reward_bites("style", "trait", make_rollouts(), flat, SETTINGS)["rise"]["holds"] is None

    def test_unknown_parts_leave_it_open(self) -> None:
        gate = reward_bites("helpfulness", "trait", None, make_trajectories(), SETTINGS)
        assert gate["bites"] is None
        assert gate["spread"]["reason"] == "no rollouts given"
        without = make_rollouts().drop("score_trait")
        assert (
            "score_trait"
            in reward_bites("style", "trait", without, make_trajectories(), SETTINGS)["correlation"]["reason"]
        )

    @pytest.mark.parametrize(("baseline", "matched"), [(0.01, False), (0.016, True)])
    def test_matched_in_learning(self, baseline: float, matched: bool) -> None:
        training = {("baseline", 0): {"weight_change": baseline}, ("trait", 0): {"weight_change": 0.03}}
        found = learning(["baseline", "trait"], "trait", {}, training, SETTINGS)
        assert found["matched_in_learning"] is matched
        assert found["baseline_over_trait"] == {"weight_change": pytest.approx(baseline / 0.03), "kl": None}

    def test_kl_comes_from_the_last_measured_step(self) -> None:
        found = learning(["baseline", "trait"], "trait", make_trajectories(seeds=(0,)), {}, SETTINGS)
        assert found["arms"]["trait"]["kl"] == pytest.approx(0.002 * 39)
        assert learning(["baseline", "trait"], "trait", {}, {}, SETTINGS)["matched_in_learning"] is None

    def test_length_drift_by_hand(self) -> None:
        drift = length_drift(["trait"], make_trajectories(seeds=(0,)))["trait"]["answer_tokens"]
        assert drift["start"] == pytest.approx(12.0 + 0.1 * 1.5)
        assert drift["end"] == pytest.approx(12.0 + 0.1 * 37.5)


def test_settings_refuse_what_cannot_be() -> None:
    with pytest.raises(RecipeError, match=r"analysis.margin is 2.*between 0 and 1"):
        AnswerSettings(margin=2.0)
    with pytest.raises(RecipeError, match=r"analysis.num_resamples is 10; allowed is 1000 or more"):
        AnswerSettings(num_resamples=10)
