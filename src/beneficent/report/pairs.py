"""Which benchmark answers a person should read: baseline and trait arm side by side, on the same item and seed."""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import polars as pl

from beneficent.analysis.sheets import CLEAN
from beneficent.benchmarks.conditions import stable_hash
from beneficent.report.readings import Kind, Reading, Side, as_text, cut, numbered, read_verdicts
from beneficent.situations.types import Message

TRAITS, BENCHMARKS = "Traits, on held-out situations", "Benchmarks"
QUOTE_WORDS = 8
"""So many words in a row that an item has too, or a whole shorter message of it, are a quotation."""
SHORTEST_QUOTE = 3
"""Messages of fewer words are not looked for."""
QUOTED = "[words of the item]"

Conversations = Sequence[Sequence[Message]]
Items = Mapping[tuple[str, str], Conversations]
"""(benchmark, item) -> its conversations."""


def choose_pairs(
    scores: pl.DataFrame | None, results: Mapping[str, Any], items: Items, publish: bool = False
) -> list[Reading]:
    """For every trait and benchmark that was compared: the pair that rose most, fell most, scored best and worst.

    Pairs scored in both arms under the clean condition are chosen from; an item is shown once, ties are settled by a
    hash of item and seed. Best and worst go by the trait arm.

    Args:
        scores: rows as ``analysis.answer.answer`` reads them, with ``answers`` and ``thoughts``.
        items: what to show as prompts; an item that is not among them is shown without.
        publish: whether items of benchmarks that are not home-made are named by their ids alone, and what an answer
            quotes of them is taken out.
    """
    if scores is None or scores.is_empty():
        return []
    by_benchmark = _pairs(scores, results).partition_by("benchmark", as_dict=True)
    traits = {level["benchmark"]: level["trait"] for level in results["traits"]["levels"]}
    rows = [row for row in results["rows"] if row["arm"] == results["trait_arm"]]
    titles = [row["title"] for row in rows]
    readings = []
    for row in sorted(rows, key=lambda row: row["benchmark"] not in traits):
        name, title = row["benchmark"], row["title"]
        group = traits.get(name, title if titles.count(title) == 1 else f"{title} ({name})")
        for kind, pair in _pick(by_benchmark.get((name,))):
            asked = items.get((name, pair["item"]))
            hidden = publish and not row["home_made"]
            prompt = _withheld(pair["item"]) if hidden else numbered([as_text(one) for one in asked or [()]])
            readings.append(
                Reading(
                    shelf=TRAITS if name in traits else BENCHMARKS,
                    group=group,
                    kind=kind,
                    head=f"item {pair['item']}, seed {pair['seed']}",
                    prompt=cut(prompt),
                    sides=(
                        _side(pair, results["baseline"], "_baseline", asked, hidden),
                        _side(pair, results["trait_arm"], "", asked, hidden),
                    ),
                )
            )
    return readings


def _pairs(scores: pl.DataFrame, results: Mapping[str, Any]) -> pl.DataFrame:
    """What both arms said to the same item under the same seed; the baseline's columns end in ``_baseline``."""
    key = ["benchmark", "item", "seed"]
    shown = [column for column in ("score", "answers", "thoughts", "verdicts") if column in scores.columns]
    scored = scores.filter((pl.col("condition") == CLEAN) & pl.col("score").is_not_null())
    trait, baseline = (
        scored.filter(pl.col("arm") == results[which]).select(*key, *shown) for which in ("trait_arm", "baseline")
    )
    return trait.join(baseline, on=key, suffix="_baseline").with_columns(
        change=pl.col("score") - pl.col("score_baseline"),
        tie=pl.struct(key).map_elements(
            lambda at: stable_hash("reading", *(str(at[part]) for part in key)), return_dtype=pl.Int64
        ),
    )


def _pick(pairs: pl.DataFrame | None) -> list[tuple[Kind, dict[str, Any]]]:
    """Up to four pairs of one benchmark, of different items."""
    if pairs is None:
        return []
    wanted: list[tuple[Kind, str, bool, pl.Expr]] = [
        ("most changed", "change", True, pl.col("change") > 0),
        ("most changed", "change", False, pl.col("change") < 0),
        ("best", "score", True, pl.lit(True)),
        ("worst", "score", False, pl.lit(True)),
    ]
    found: list[tuple[Kind, dict[str, Any]]] = []
    for kind, by, falling, fits in wanted:
        taken = [pair["item"] for _, pair in found]
        left = pairs.filter(fits & ~pl.col("item").is_in(taken)).sort([by, "tie"], descending=[falling, False])
        found += [(kind, pair) for pair in left.head(1).iter_rows(named=True)]
    return found


def _side(pair: Mapping[str, Any], arm: str, suffix: str, asked: Conversations | None, hidden: bool) -> Side:
    thought, answer = (numbered([text or "" for text in pair[f"{what}{suffix}"]]) for what in ("thoughts", "answers"))
    verdicts = read_verdicts(pair.get(f"verdicts{suffix}"))
    if hidden:
        thought, answer = without_quotes(thought, asked), without_quotes(answer, asked)
        verdicts = tuple((f"criterion {n}", said.partition(":")[0]) for n, (_, said) in enumerate(verdicts, start=1))
    return Side(arm, float(pair[f"score{suffix}"]), cut(thought), cut(answer), verdicts)


def _withheld(item: str) -> str:
    return f"Item {item}. Its text is not shown in a published page, as the benchmark is not ours to pass on."


def without_quotes(text: str, asked: Conversations | None) -> str:
    """The text with what it quotes of an item replaced by ``QUOTED``.

    Where the item's text is not known, what quotes it cannot be told, so that nothing is shown.
    """
    if asked is None:
        return "(not shown: the text of the item is not at hand, so what quotes it cannot be taken out)"
    said = list(re.finditer(r"\S+", text))
    words = [match.group().lower() for match in said]
    quoted = [False] * len(words)
    for message in (message for conversation in asked for message in conversation):
        of_item = message.content.lower().split()
        size = min(QUOTE_WORDS, len(of_item))
        if size < SHORTEST_QUOTE:
            continue
        runs = {tuple(of_item[at : at + size]) for at in range(len(of_item) - size + 1)}
        for at in range(len(words) - size + 1):
            if tuple(words[at : at + size]) in runs:
                quoted[at : at + size] = [True] * size
    parts = []
    for is_quote, run in groupby(zip(said, quoted, strict=True), key=lambda entry: entry[1]):
        own = [match for match, _ in run]
        parts.append(QUOTED if is_quote else text[own[0].start() : own[-1].end()])
    return " ".join(parts)
