"""Which training rollouts a person should read: the best and the worst of each arm, late in training."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from beneficent.report.drawing import order_arms
from beneficent.report.readings import Kind, Reading, Side, as_text, cut, read_verdicts
from beneficent.situations.types import Message

NUM_EACH = 2
LATE_SHARE = 0.25
SHELF = "Training rollouts"


def choose_rollouts(rollouts: pl.DataFrame | None, prompts: Mapping[str, Sequence[Message]]) -> list[Reading]:
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
        kinds: tuple[tuple[Kind, bool], ...] = (("best", True), ("worst", False))
        for kind, falling in kinds:
            key = ["score", "seed", "step", "position", "sample"]
            ordered = late.sort(key, descending=[falling, False, False, False, False])
            picked = ordered.unique("exercise", keep="first", maintain_order=True).head(NUM_EACH)
            readings += [_reading(row, kind, prompts) for row in picked.iter_rows(named=True)]
    return readings


def _reading(row: Mapping[str, Any], kind: Kind, prompts: Mapping[str, Sequence[Message]]) -> Reading:
    what = " in ".join(str(row[key]) for key in ("trait", "domain") if row.get(key))
    side = Side(
        arm=str(row["arm"]),
        score=float(row["score"]),
        thought=cut(str(row["thought"] or "")),
        answer=cut(str(row["answer"] or "")),
        verdicts=read_verdicts(row.get("verdicts")),
    )
    return Reading(
        shelf=SHELF,
        group=side.arm,
        kind=kind,
        head=f"{what or row['exercise']}, seed {row['seed']}, step {row['step']}",
        prompt=cut(as_text(prompts.get(str(row["exercise"]), ()))),
        sides=(side,),
    )
