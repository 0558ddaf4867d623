"""Figures of the attacks: levels under prompts as slopes, dose curves, and behaviour elsewhere against harm."""

from collections.abc import Mapping
from typing import Any

import altair as alt

from beneficent.report.drawing import WIDTH, Drawing, arm_colour, arm_shape, draw


def persona_slopes(results: Mapping[str, Any]) -> Drawing | None:
    """Each arm's level on the clean panel and under each persona, one small panel a persona."""
    own = results["attacks"]
    personas = [entry for entry in own["prompts"] if entry["kind"] == "persona"] if own else []
    charts, drawn = [], []
    for entry in personas:
        rows = [
            {"arm": arm, "under": under, "score": level}
            for arm in own["arms"]
            for under, level in (("clean", own["clean"][arm]["level"]), ("persona", entry["levels"][arm]["level"]))
            if level is not None
        ]
        name = entry["condition"].removeprefix("persona-")
        note = " (inert)" if entry["inert"] else " (invalid)" if entry["valid"] is False else ""
        charts.append(_slope(rows, f"{name}{note}"))
        drawn += [{"persona": name, **row} for row in rows]
    if not charts:
        return None
    return draw(alt.concat(*charts, columns=4), "personas", drawn)


def _slope(rows: list[dict[str, Any]], title: str) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(alt.InlineData(values=rows), width=WIDTH // 4 - 70, height=170, title=title)
    x = alt.X("under:N", sort=["clean", "persona"], title=None, axis=alt.Axis(labelAngle=0))
    y = alt.Y("score:Q", scale=alt.Scale(domain=[0, 1]), title="level")
    arms = [row["arm"] for row in rows]
    line = base.mark_line(strokeWidth=2).encode(x, y, arm_colour(arms))
    point = base.mark_point(filled=True, size=55, opacity=1).encode(x, y, arm_colour(arms), arm_shape(arms))
    return alt.layer(line, point)


def dose_curves(results: Mapping[str, Any], name: str) -> Drawing | None:
    """Level in the domain and elsewhere against the number of updates."""
    own = results["attacks"]["fine_tuning"][name]
    panels, drawn = [], []
    for side, title in (("in_domain", "in the domain (health)"), ("elsewhere", "elsewhere")):
        rows = [
            {"arm": arm, "dose": point["dose"], "score": point[side]}
            for arm, curve in own["curves"].items()
            for point in curve
            if point[side] is not None
        ]
        if rows:
            panels.append(_dose(rows, title))
            drawn += [{"side": side, **row} for row in rows]
    return draw(alt.hconcat(*panels), f"doses-{name}", drawn) if panels else None


def _dose(rows: list[dict[str, Any]], title: str) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(alt.InlineData(values=rows), width=WIDTH // 2 - 60, height=240, title=title)
    x = alt.X("dose:Q", title="updates", scale=alt.Scale(type="symlog", constant=5), axis=alt.Axis(values=_doses(rows)))
    y = alt.Y("score:Q", scale=alt.Scale(domain=[0, 1]), title="level")
    arms = [row["arm"] for row in rows]
    line = base.mark_line(strokeWidth=2).encode(x, y, arm_colour(arms))
    point = base.mark_point(filled=True, size=45, opacity=1).encode(x, y, arm_colour(arms), arm_shape(arms))
    return alt.layer(line, point)


def _doses(rows: list[dict[str, Any]]) -> list[float]:
    return sorted({float(row["dose"]) for row in rows})


def matched_harm(results: Mapping[str, Any], name: str) -> Drawing | None:
    """Behaviour elsewhere against harm actually reached in the domain: one path an arm, from dose 0 on."""
    own = results["attacks"]["fine_tuning"][name]
    rows = [
        {"arm": arm, "harm": 1 - point["in_domain"], "elsewhere": point["elsewhere"], "dose": point["dose"]}
        for arm, curve in own["curves"].items()
        for point in curve
        if point["in_domain"] is not None and point["elsewhere"] is not None
    ]
    if not rows:
        return None
    base = alt.Chart(alt.InlineData(values=rows), width=WIDTH - 120, height=320)
    scale = alt.Scale(domain=[0, 1])
    x = alt.X("harm:Q", scale=scale, title="harm reached in the domain (1 - level)")
    y = alt.Y("elsewhere:Q", scale=scale, title="level elsewhere")
    arms = [row["arm"] for row in rows]
    path = base.mark_line(strokeWidth=2).encode(x, y, arm_colour(arms), order="dose:Q")
    point = base.mark_point(filled=True, size=60, opacity=1).encode(x, y, arm_colour(arms), arm_shape(arms))
    return draw(alt.layer(path, point), f"matched-{name}", rows)
