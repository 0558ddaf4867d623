"""How an estimate is put in words: which interval the wording goes by, what it shows, and how it is printed."""

from collections.abc import Mapping
from typing import Any


def chosen_estimate(summary: Mapping[str, Any]) -> Mapping[str, Any]:
    """The estimate that wording goes by: this method where its interval is given, else these models."""
    method: Mapping[str, Any] = summary["this_method"]
    these: Mapping[str, Any] = summary["these_models"]
    return method if method["low"] is not None else these


def direction(estimate: Mapping[str, Any]) -> str:
    if estimate["low"] is None:
        return "scores the same on every pair" if estimate["p"] == 1.0 else "has no interval to judge it by"
    if estimate["low"] > 0:
        return "is better"
    if estimate["high"] < 0:
        return "is worse"
    return "is equivalent to the baseline" if estimate["equivalent"] else "is not shown to differ"


def intervals(summary: Mapping[str, Any]) -> str:
    seeds = len(summary["seeds"])
    names = {"these_models": "95% for these models", "this_method": f"95% for this method over {seeds} seeds"}
    parts = []
    for kind, name in names.items():
        estimate = summary[kind]
        if estimate["low"] is None:
            parts.append(
                f"{name.replace('95% ', '').replace(f' over {seeds} seeds', '')}: not given, {estimate['reason']}"
            )
        else:
            parts.append(f"{name}: {100 * estimate['low']:+.1f} to {100 * estimate['high']:+.1f}")
    return "; ".join(parts)


def points(value: float) -> str:
    """A score difference in points of 100."""
    return f"{100 * value:+.1f} points" if abs(value) >= 0.0005 else "0.0 points"
