"""What else could explain a gain: an inert control reward, unequal learning, length."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from beneficent.analysis import statistics
from beneficent.analysis.comparison import Row, summarise
from beneficent.analysis.settings import AnswerSettings
from beneficent.analysis.sheets import Run
from beneficent.analysis.transfer import by_subset
from beneficent.core.ledger import Ledger

EARLY_SHARE = 0.25
"""Spread is taken over this first share of the steps: there it says what the reward can tell apart, not how far the
arm has come."""

DRIFT_SHARE = 0.1
"""Length drift compares the first and the last tenth of the steps."""

SITUATION = "situation"


def control_arm(
    arm: str,
    trait_arm: str,
    rows: Sequence[Row],
    rollouts: pl.DataFrame | None,
    trajectories: Mapping[Run, pl.DataFrame],
    settings: AnswerSettings,
) -> dict[str, Any]:
    """One control arm: its effect, the trait arm's lead over it, and whether its reward bites.

    ``rows`` are alignment rows with the contrasts (arm, baseline) and (trait arm, arm).
    """
    against_baseline = [row for row in rows if row.arm == arm and row.reference == settings.baseline]
    lead = [row for row in rows if row.arm == trait_arm and row.reference == arm]
    return {
        "arm": arm,
        "against_baseline": by_subset(against_baseline, settings),
        "trait_against_control": summarise(lead, settings) if lead else None,
        "bites": reward_bites(arm, trait_arm, rollouts, trajectories, settings),
    }


def reward_bites(
    arm: str,
    trait_arm: str,
    rollouts: pl.DataFrame | None,
    trajectories: Mapping[Run, pl.DataFrame],
    settings: AnswerSettings,
) -> dict[str, Any]:
    """The three parts of the gate and their conjunction.

    ``bites`` is False if any part fails, True if all hold, and None if none fails but some could not be computed.
    Each part is a dict with ``value``, ``holds`` (True, False or None) and ``reason`` where it is None.
    """
    parts = {
        "spread": _spread(arm, trait_arm, rollouts, settings),
        "correlation": _correlation(arm, rollouts, settings),
        "rise": _rise(arm, trajectories),
    }
    held = [part["holds"] for part in parts.values()]
    bites = False if False in held else (None if None in held else True)
    return {"bites": bites, **parts}


def _spread(arm: str, trait_arm: str, rollouts: pl.DataFrame | None, settings: AnswerSettings) -> dict[str, Any]:
    if rollouts is None:
        return {"value": None, "holds": None, "reason": "no rollouts given"}
    own, trait = (_spread_of(name, rollouts) for name in (arm, trait_arm))
    if own is None or trait is None:
        missing = arm if own is None else trait_arm
        return {"value": None, "holds": None, "reason": f"no group with two scored completions in {missing}"}
    if trait == 0:
        return {"value": own, "trait": trait, "holds": None, "reason": "the trait reward itself has no spread"}
    ratio = own / trait
    return {"value": own, "trait": trait, "ratio": ratio, "holds": ratio >= settings.bite_spread, "reason": None}


def _situation_rows(arm: str, rollouts: pl.DataFrame) -> pl.DataFrame:
    return rollouts.filter((pl.col("arm") == arm) & (pl.col("kind") == SITUATION) & pl.col("score").is_not_null())


def _spread_of(arm: str, rollouts: pl.DataFrame) -> float | None:
    mine = _situation_rows(arm, rollouts)
    last = rollouts.filter(pl.col("arm") == arm)["step"].max()
    if mine.is_empty() or not isinstance(last, int):
        return None
    early = mine.filter(pl.col("step") < max(1.0, EARLY_SHARE * (last + 1)))
    return statistics.spread_within(early["score"].cast(pl.Float64).to_numpy(), _groups(early))


def _groups(rows: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return rows.select(pl.struct("seed", "step", "position").rank("dense")).to_series().cast(pl.Int64).to_numpy()


def _correlation(arm: str, rollouts: pl.DataFrame | None, settings: AnswerSettings) -> dict[str, Any]:
    if rollouts is None or "score_trait" not in rollouts.columns:
        reason = "the control's rollouts carry no score_trait (grade by the trait rubric)"
        return {"value": None, "holds": None, "reason": reason}
    mine = _situation_rows(arm, rollouts).filter(pl.col("score_trait").is_not_null())
    own, trait = (mine[column].cast(pl.Float64).to_numpy() for column in ("score", "score_trait"))
    value = statistics.correlation_within(own, trait, _groups(mine)) if len(mine) else None
    if value is None:
        return {"value": None, "holds": None, "reason": "one of the two rewards never varies within a group"}
    return {"value": value, "pairs": len(mine), "holds": abs(value) <= settings.bite_correlation, "reason": None}


def _rise(arm: str, trajectories: Mapping[Run, pl.DataFrame]) -> dict[str, Any]:
    before: list[statistics.Floats] = []
    after: list[statistics.Floats] = []
    for (name, _), steps in trajectories.items():
        if name != arm:
            continue
        third = max(1, steps.height // 3)
        ordered = steps.sort("step")
        for part, values in ((ordered.head(third), before), (ordered.tail(third), after)):
            values.append(part["reward_trait"].cast(pl.Float64).drop_nulls().to_numpy())
    if not before:
        return {"value": None, "holds": None, "reason": "no training steps given"}
    change = statistics.rise(np.concatenate(before), np.concatenate(after))
    holds = None if change.low is None else change.low > 0
    return {"value": change.value, "low": change.low, "high": change.high, "holds": holds, "reason": change.reason}


def learning(
    arms: Sequence[str],
    trait_arm: str,
    trajectories: Mapping[Run, pl.DataFrame],
    training: Mapping[Run, Mapping[str, Any]],
    settings: AnswerSettings,
) -> dict[str, Any]:
    """How far each arm moved, and the "matched in compute, not in learning" flag.

    Per arm the mean over seeds of ``weight_change`` (from ``training``), ``kl`` (from ``training``, else the last
    measured ``kl_start``), live and all groups, and gradient norm. ``matched_in_learning`` is None if nothing is known.
    """
    per_arm = {arm: _movement(arm, trajectories, training) for arm in arms}
    ratios: dict[str, float | None] = {}
    for measure in ("weight_change", "kl"):
        own, trait = (per_arm.get(name, {}).get(measure) for name in (settings.baseline, trait_arm))
        ratios[measure] = own / trait if own is not None and trait else None
    known = [ratio for ratio in ratios.values() if ratio is not None]
    matched = None if not known else min(known) >= settings.learning_ratio
    return {"arms": per_arm, "baseline_over_trait": ratios, "matched_in_learning": matched}


def _movement(
    arm: str, trajectories: Mapping[Run, pl.DataFrame], training: Mapping[Run, Mapping[str, Any]]
) -> dict[str, float | None]:
    results = {run: training.get(run, {}) for run in {**trajectories, **training} if run[0] == arm}
    kls = [result.get("kl", _last_kl(trajectories.get(run))) for run, result in results.items()]
    movement = {
        "weight_change": _mean([result.get("weight_change") for result in results.values()]),
        "kl": _mean(kls),
    }
    steps = [frame for (name, _), frame in trajectories.items() if name == arm]
    for column in ("live_standard", "live_trait", "groups_standard", "groups_trait"):
        movement[column] = _mean([_total(frame, column) for frame in steps])
    movement["update_norm"] = _mean([_average(frame, "update_norm") for frame in steps])
    movement["truncated_share"] = _mean([_average(frame, "truncated_share") for frame in steps])
    movement["unscored_share"] = _mean([_average(frame, "unscored_share") for frame in steps])
    return movement


def _last_kl(steps: pl.DataFrame | None) -> float | None:
    if steps is None or "kl_start" not in steps.columns:
        return None
    known = steps.sort("step")["kl_start"].cast(pl.Float64).drop_nulls()
    return float(known[-1]) if len(known) else None


def _total(steps: pl.DataFrame, column: str) -> float | None:
    return float(steps[column].cast(pl.Float64).sum()) if column in steps.columns else None


def _average(steps: pl.DataFrame, column: str) -> float | None:
    if column not in steps.columns:
        return None
    known = steps[column].cast(pl.Float64).drop_nulls()
    return float(known.to_numpy().mean()) if len(known) else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return float(np.mean(known)) if known else None


def length_drift(arms: Sequence[str], trajectories: Mapping[Run, pl.DataFrame]) -> dict[str, dict[str, Any]]:
    """Mean thought and answer tokens in the first and the last tenth of the steps, averaged over seeds."""
    drift: dict[str, dict[str, Any]] = {}
    for arm in arms:
        frames = [frame.sort("step") for (name, _), frame in trajectories.items() if name == arm]
        if not frames:
            continue
        drift[arm] = {}
        for column in ("thought_tokens", "answer_tokens"):
            ends = [(max(1, round(DRIFT_SHARE * frame.height)), frame) for frame in frames]
            drift[arm][column] = {
                "start": _mean([_average(frame.head(count), column) for count, frame in ends]),
                "end": _mean([_average(frame.tail(count), column) for count, frame in ends]),
            }
    return drift


def ledger_table(ledgers: Mapping[Run, Ledger], settings: AnswerSettings) -> dict[str, Any]:
    """What each arm spent over all its seeds, per run, and its floating-point operations against the baseline's."""
    arms = list(dict.fromkeys(arm for arm, _ in ledgers))
    per_arm: dict[str, dict[str, Any]] = {}
    for arm in arms:
        own = [ledger for (name, _), ledger in ledgers.items() if name == arm]
        total = sum(own, Ledger())
        flops = total.flops_sampling + total.flops_training
        per_arm[arm] = {"runs": len(own), **total.as_dict(), "flops": flops, "flops_per_run": flops / len(own)}
    reference = per_arm.get(settings.baseline, {}).get("flops_per_run")
    for entry in per_arm.values():
        entry["flops_ratio"] = entry["flops_per_run"] / reference if reference else None
    return per_arm
