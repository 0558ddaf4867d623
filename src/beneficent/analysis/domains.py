"""Held-out situations by domain: what each arm gained where it was trained and where it was not.

Situations of one domain share scenes, so one domain is one unit and a cell has no interval: a description.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from beneficent.analysis.cells import UNKNOWN, Results, Table, points
from beneficent.analysis.sheets import CLEAN
from beneficent.benchmarks.types import Card


def domain_differences(
    scores: pl.DataFrame, cards: Sequence[Card], arms: Sequence[str], baseline: str
) -> list[dict[str, Any]]:
    """Rows {arm, domain, difference, pairs}: difference to the baseline, traits and seeds weighing the same.

    Only items graded in both arms under one seed are compared. Held-out situations carry their domain as cluster (see
    ``benchmarks.situations.HeldOut``).
    """
    traits = [card.name for card in cards if card.role == "trait"]
    graded = scores.filter(
        pl.col("benchmark").is_in(traits) & (pl.col("condition") == CLEAN) & pl.col("score").is_not_null()
    ).select("arm", "seed", "benchmark", "item", pl.col("cluster").alias("domain"), "score")
    reference = graded.filter(pl.col("arm") == baseline).drop("arm", "domain")
    pairs = (
        graded.filter(pl.col("arm").is_in(list(arms)))
        .join(reference, on=["seed", "benchmark", "item"], suffix="_reference")
        .with_columns(difference=pl.col("score") - pl.col("score_reference"))
    )
    by_trait = pairs.group_by("arm", "domain", "seed", "benchmark").agg(
        pl.col("difference").mean(), pl.len().alias("pairs")
    )
    cells = by_trait.group_by("arm", "domain").agg(pl.col("difference").mean(), pl.col("pairs").sum())
    return cells.sort("arm", "domain").to_dicts()


def domains_table(results: Results) -> Table:
    """One row a measured domain, one column an arm."""
    found = {(row["domain"], row["arm"]): row for row in results.get("domains") or ()}
    arms = [arm for arm in results["arms"] if any(arm == own for _, own in found)]
    rows = [
        (domain, *(_cell(found.get((domain, arm))) for arm in arms)) for domain in dict.fromkeys(d for d, _ in found)
    ]
    title = f"Held-out situations by domain: points against {results['baseline']} (pairs)"
    return Table(title, ("measured domain", *arms), rows)


def _cell(row: dict[str, Any] | None) -> str:
    return UNKNOWN if row is None else f"{points(row['difference'])} ({row['pairs']:,})"
