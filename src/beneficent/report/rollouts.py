"""Which training rollouts a person should read: the best and the worst of each arm, late in training."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from beneficent.report.figures import order_arms

NUM_EACH = 2
LATE_SHARE = 0.25
MAX_CHARS = 1500


@dataclass(frozen=True, slots=True)
class Reading:
    """One rollout to read; all texts are untrusted and cut to ``MAX_CHARS``."""

    arm: str
    place: str
    """``best`` or ``worst``."""
    score: float
    head: str
    prompt: str
    thought: str
    answer: str
    verdicts: tuple[tuple[str, str], ...]
    """Criterion and verdict in words."""


def choose(rollouts: pl.DataFrame | None, prompts: Mapping[str, str]) -> list[Reading]:
    """The best and worst scored rollouts of each arm from the last quarter of its steps, one an exercise at most.

    Situations are preferred; an arm without any (the baseline) shows its standard tasks.
    """
    if rollouts is None or rollouts.is_empty():
        return []
    readings: list[Reading] = []
    scored = rollouts.filter(pl.col("score").is_not_null())
    for arm in order_arms(scored["arm"].unique().to_list()):
        own = scored.filter(pl.col("arm") == arm)
        situations = own.filter(pl.col("kind") == "situation")
        own = situations if situations.height else own
        last = own["step"].max()
        late = own.filter(pl.col("step") > (1 - LATE_SHARE) * float(str(last))) if last else own
        for place, falling in (("best", True), ("worst", False)):
            key = ["score", "seed", "step", "position", "sample"]
            ordered = late.sort(key, descending=[falling, False, False, False, False])
            picked = ordered.unique("exercise", keep="first", maintain_order=True).head(NUM_EACH)
            readings += [_reading(row, place, prompts) for row in picked.iter_rows(named=True)]
    return readings


def _reading(row: Mapping[str, Any], place: str, prompts: Mapping[str, str]) -> Reading:
    what = " in ".join(str(row[key]) for key in ("trait", "domain") if row.get(key))
    return Reading(
        arm=str(row["arm"]),
        place=place,
        score=float(row["score"]),
        head=f"{what or row['exercise']}, seed {row['seed']}, step {row['step']}",
        prompt=cut(prompts.get(str(row["exercise"]), "")),
        thought=cut(str(row["thought"] or "")),
        answer=cut(str(row["answer"] or "")),
        verdicts=read_verdicts(row.get("verdicts")),
    )


def cut(text: str) -> str:
    """The text, cut at ``MAX_CHARS`` with a note of what was left out."""
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]} ... ({len(text) - MAX_CHARS:,} characters more)"


def read_verdicts(text: object) -> tuple[tuple[str, str], ...]:
    """Criterion and verdict pairs from a rollout's JSON; anything else is shown as it stands."""
    words = {True: "met", False: "not met", None: "unscored"}
    try:
        parsed = json.loads(str(text)) if text else []
        return tuple((cut(str(one["criterion"])), words[one["met"]]) for one in parsed)
    except (ValueError, KeyError, TypeError):
        return ((cut(str(text)), "not readable"),)
