"""Figures of what was measured: held-out traits, benchmarks, forced thoughts, worlds, monitors."""

from collections.abc import Mapping
from typing import Any

import altair as alt

from beneficent.report.drawing import (
    GAIN_COLOUR,
    INK,
    LOSS_COLOUR,
    NEITHER_COLOUR,
    WIDTH,
    Drawing,
    arm_colour,
    arm_shape,
    as_points,
    draw,
    legend,
    order_arms,
    zero_line,
)

_GAIN, _LOSS, _NEITHER = "significantly better", "significantly worse", "not significant"
_MONITORS = {"with_thought": "thought and answer", "answer_only": "answer only"}


def forest(results: Mapping[str, Any], arm: str) -> Drawing | None:
    """Difference to the baseline on every alignment benchmark, largest on top, with both intervals."""
    rate = results["settings"]["false_discovery_rate"]
    rows = [
        _forest_row(row, rate)
        for row in results["rows"]
        if row["arm"] == arm and row["role"] == "alignment" and row["compared"]
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: -row["difference"])
    _tell_apart(rows)
    names = [row["name"] for row in rows]
    base = alt.Chart(alt.InlineData(values=rows), width=WIDTH - 220, height=alt.Step(15))
    y = alt.Y("name:N", sort=names, title=None, axis=alt.Axis(labelLimit=280))
    x = alt.X("difference:Q", title=f"difference to {results['baseline']}, points")
    scale = alt.Scale(domain=[_GAIN, _LOSS, _NEITHER], range=[GAIN_COLOUR, LOSS_COLOUR, NEITHER_COLOUR])
    colour = alt.Color("verdict:N", scale=scale, legend=legend())
    formats = alt.Scale(domain=["trained format", "other format"], range=["square", "circle"])
    shape = alt.Shape("format:N", scale=formats, legend=legend(symbolFillColor=INK, symbolStrokeColor=INK))
    layers: list[Any] = [zero_line()]
    if any(row["method_low"] is not None for row in rows):
        given = "isValid(datum.method_low)"
        thin = base.transform_filter(given).mark_rule(strokeWidth=1, strokeDash=[2, 2], opacity=0.7)
        layers.append(thin.encode(y, alt.X("method_low:Q", title=""), alt.X2("method_high:Q"), colour))
    thick = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2.5)
    layers.append(thick.encode(y, alt.X("low:Q", title=""), alt.X2("high:Q"), colour))
    layers.append(base.mark_point(filled=True, size=45, opacity=1).encode(y, x, colour, shape))
    return draw(alt.layer(*layers), f"forest-{arm}", rows)


def _tell_apart(rows: list[dict[str, Any]]) -> None:
    """Benchmarks of one title would share a line of the figure; they get their names too."""
    titles = [row["name"] for row in rows]
    for row, title in zip(rows, titles, strict=True):
        if titles.count(title) > 1:
            row["name"] = f"{title} ({row['benchmark']})"


def _forest_row(row: Mapping[str, Any], rate: float) -> dict[str, Any]:
    these, method = row["these_models"], row["this_method"]
    significant = these["q"] is not None and these["q"] < rate
    verdict = (_GAIN if row["difference"] > 0 else _LOSS) if significant else _NEITHER
    return {
        "name": row["title"],
        "benchmark": row["benchmark"],
        "difference": 100 * row["difference"],
        "low": as_points(these["low"]),
        "high": as_points(these["high"]),
        "method_low": as_points(method["low"]),
        "method_high": as_points(method["high"]),
        "verdict": verdict,
        "format": "trained format" if row["trained_format"] else "other format",
    }


def trait_levels(results: Mapping[str, Any]) -> Drawing | None:
    """Held-out score of every trait, one mark an arm."""
    rows = [
        {"row": level["trait"], "arm": arm, "score": value}
        for level in results["traits"]["levels"]
        for arm, value in level["levels"].items()
        if value is not None
    ]
    return _dots(rows, "held-out score", "traits") if rows else None


def mediation_levels(results: Mapping[str, Any]) -> Drawing | None:
    """Level on the panel under every forced thought, one mark an arm."""
    if not results["mediation"]:
        return None
    rows = [
        {"row": row["condition"], "arm": row["arm"], "score": row["level"]}
        for row in results["mediation"]["levels"]
        if row["level"] is not None
    ]
    return _dots(rows, "score on the panel", "mediation") if rows else None


def world_differences(results: Mapping[str, Any]) -> Drawing | None:
    """Trait against baseline in each world: the trained format and the others, with intervals."""
    rows = [
        {
            "world": world["source"],
            "formats": name,
            "difference": 100 * own["difference"],
            "low": as_points(own["these_models"]["low"]),
            "high": as_points(own["these_models"]["high"]),
        }
        for world in results.get("worlds") or ()
        for name, own in world["subsets"].items()
        if own["difference"] is not None
    ]
    if not rows:
        return None
    base = alt.Chart(alt.InlineData(values=rows), width=WIDTH - 260, height=alt.Step(18))
    order = list(dict.fromkeys(row["world"] for row in rows))
    y = alt.Y("world:N", sort=order, title=None, axis=alt.Axis(labelLimit=200))
    offset = alt.YOffset("formats:N", sort=["trained format", "other formats"])
    scale = alt.Scale(domain=["trained format", "other formats"], range=["#d55e00", "#1f83c4"])
    colour = alt.Color("formats:N", scale=scale, legend=legend())
    rule = base.mark_rule(strokeWidth=2.5).encode(y, alt.X("low:Q", title=""), alt.X2("high:Q"), colour, offset)
    x = alt.X("difference:Q", title="trait minus baseline, points")
    point = base.mark_point(filled=True, size=60, opacity=1).encode(y, x, colour, offset)
    return draw(alt.layer(zero_line(), rule, point), "worlds", rows)


def _dots(rows: list[dict[str, Any]], title: str, name: str) -> Drawing:
    arms = [row["arm"] for row in rows]
    order = list(dict.fromkeys(row["row"] for row in rows))
    base = alt.Chart(alt.InlineData(values=rows), width=WIDTH - 220, height=alt.Step(26))
    points = base.mark_point(filled=True, size=80, opacity=0.9).encode(
        alt.X("score:Q", scale=alt.Scale(domain=[0, 1]), title=title),
        alt.Y("row:N", sort=order, title=None, axis=alt.Axis(labelLimit=280, grid=True)),
        arm_colour(arms),
        arm_shape(arms),
    )
    return draw(points, name, rows)


def monitorability(results: Mapping[str, Any]) -> Drawing | None:
    """AUROC of the monitors with the thought and from the answer alone, one panel a benchmark."""
    own = (results["monitoring"] or {"benchmarks": {}})["benchmarks"]
    rows = [
        {"benchmark": name, "arm": arm, "monitor": words, "auroc": measured["auroc"][kind]}
        for name, by_arm in own.items()
        for arm, measured in by_arm.items()
        if measured["auroc"]
        for kind, words in _MONITORS.items()
    ]
    panels = [
        _two_monitors([row for row in rows if row["benchmark"] == name], name)
        for name in dict.fromkeys(row["benchmark"] for row in rows)
    ]
    return draw(alt.vconcat(*panels), "monitorability", rows) if panels else None


def _two_monitors(rows: list[dict[str, Any]], title: str) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(alt.InlineData(values=rows), width=WIDTH - 220, height=alt.Step(20), title=title)
    y = alt.Y(
        "arm:N", sort=order_arms([row["arm"] for row in rows]), title=None, axis=alt.Axis(labelLimit=280, grid=True)
    )
    x = alt.X("auroc:Q", scale=alt.Scale(domain=[0, 1]), title="AUROC (0.5: chance)")
    monitors = list(_MONITORS.values())
    colour = alt.Color("monitor:N", scale=alt.Scale(domain=monitors, range=[GAIN_COLOUR, LOSS_COLOUR]), legend=legend())
    shape = alt.Shape("monitor:N", scale=alt.Scale(domain=monitors, range=["circle", "square"]), legend=legend())
    gap = base.mark_line(color=NEITHER_COLOUR, strokeWidth=1.5).encode(x, y, detail="arm:N")
    return alt.layer(gap, base.mark_point(filled=True, size=80, opacity=0.9).encode(x, y, colour, shape))
