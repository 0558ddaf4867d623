"""What is drawn over training, and held-out situations by domain: numbers worked out by hand."""

import polars as pl
import pytest

from beneficent.analysis.curves import drift_curves, drift_table
from beneficent.analysis.domains import domain_differences, domains_table
from beneficent.benchmarks.types import Card


def rollout(seed: int, step: int, kind: str, tokens: int, refusal: str | None) -> dict[str, object]:
    return {"arm": "trait", "seed": seed, "step": step, "kind": kind, "num_tokens": tokens, "refusal": refusal}


def test_drift_is_a_mean_over_seeds_with_the_lowest_and_the_highest() -> None:
    rows = pl.DataFrame(
        [
            rollout(0, 0, "task", 10, "answer"),
            rollout(0, 0, "task", 20, "refusal"),
            rollout(1, 0, "task", 5, "partial"),
            rollout(1, 0, "task", 5, None),
            rollout(0, 0, "situation", 40, None),
        ]
    )
    found = {
        row["measure"]: (row["step"], row["value"], row["low"], row["high"], row["seeds"]) for row in drift_curves(rows)
    }
    assert found == {
        "tokens on standard slots": (0.0, 10.0, 5.0, 15.0, 2),
        "refusals on standard slots": (0.0, 0.25, 0.0, 0.5, 2),
        "tokens on trait slots": (0.0, 40.0, 40.0, 40.0, 1),
    }


def test_drift_without_classes_and_without_rollouts() -> None:
    rows = pl.DataFrame([rollout(0, 0, "task", 10, None)]).drop("refusal")
    assert [row["measure"] for row in drift_curves(rows)] == ["tokens on standard slots"]
    assert drift_curves(None) == drift_curves(pl.DataFrame()) == []
    assert drift_curves(pl.DataFrame([rollout(0, 0, "else", 10, None)])) == []


def test_the_table_goes_from_start_to_end() -> None:
    rows = pl.DataFrame([rollout(0, step, "task", 10, "refusal" if step >= 35 else "answer") for step in range(40)])
    (row,) = drift_table({"drift": drift_curves(rows)}).rows
    assert row == ("trait", "10.0 to 10.0", "-", "0.0% to 100.0%", "-")
    assert drift_table({}).rows == []


@pytest.fixture
def by_domain() -> list[dict[str, object]]:
    """Two traits; in health 0.5 and 0.0 better, in law one pair is unscored, so that only one counts."""
    cards = [Card(name, name, "trait", "open", 1, "rubric", False, role="trait") for name in ("truth", "care")]
    cards.append(Card("risk", "Risk", "risk", "open", 1, "words", False))

    def row(
        arm: str, benchmark: str, item: str, domain: str, score: float | None, condition: str = "clean"
    ) -> dict[str, object]:
        return {
            "arm": arm,
            "seed": 0,
            "benchmark": benchmark,
            "item": item,
            "cluster": domain,
            "condition": condition,
            "score": score,
        }

    scored = {
        ("truth", "a", "health"): (0.25, 1.0),
        ("truth", "b", "health"): (0.5, 0.75),
        ("care", "c", "health"): (0.5, 0.5),
        ("truth", "d", "law"): (1.0, 0.0),
        ("truth", "e", "law"): (0.0, None),
        ("risk", "f", "no domain"): (0.0, 1.0),
    }
    rows = [
        row(arm, *place, score)
        for place, both in scored.items()
        for arm, score in zip(("baseline", "trait"), both, strict=True)
    ]
    rows.append(row("trait", "truth", "a", "health", 0.0, "thought-harmful"))
    return domain_differences(pl.DataFrame(rows, infer_schema_length=None), cards, ["trait"], "baseline")


def test_domains_weigh_traits_the_same_and_only_pairs_count(by_domain: list[dict[str, object]]) -> None:
    """Health: trait truth (0.75 + 0.25) / 2 = 0.5, trait care 0.0, mean 0.25."""
    assert by_domain == [
        {"arm": "trait", "domain": "health", "difference": 0.25, "pairs": 3},
        {"arm": "trait", "domain": "law", "difference": -1.0, "pairs": 1},
    ]


def test_the_table_of_domains(by_domain: list[dict[str, object]]) -> None:
    table = domains_table({"domains": by_domain, "arms": {"baseline": {}, "trait": {}}, "baseline": "baseline"})
    assert table.columns == ("measured domain", "trait")
    assert list(table.rows) == [("health", "+25.0 (3)"), ("law", "-100.0 (1)")]
    assert domains_table({"arms": {}, "baseline": "baseline"}).rows == []
