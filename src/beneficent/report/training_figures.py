"""Figures of training: rewards, drift of lengths and refusals, and the rubric beside a second grader."""

from collections.abc import Mapping
from typing import Any

import altair as alt

from beneficent.analysis.curves import REFUSALS, TOKENS
from beneficent.report.drawing import GAIN_COLOUR, LOSS_COLOUR, WIDTH, Drawing, arm_colour, draw, legend


def learning_curves(results: Mapping[str, Any]) -> Drawing | None:
    """Reward by step on trait and on standard slots: mean over seeds, band from the lowest to the highest seed."""
    titles = {"trait": "trait slots: each arm's own reward", "standard": "standard slots: the same tasks in every arm"}
    panels = []
    for slots, title in titles.items():
        rows = [row for row in results["curves"] if row["slots"] == slots]
        if rows:
            y = alt.Y("reward:Q", scale=alt.Scale(domain=[0, 1]), title="reward")
            panels.append(_curve(rows, title, y))
    return draw(alt.hconcat(*panels), "learning", results["curves"]) if panels else None


def drift(results: Mapping[str, Any]) -> Drawing | None:
    """Tokens a completion and refusals by step, on standard and on trait slots, one panel each."""
    rows = results.get("drift") or []
    panels = []
    for measures, title, form in ((TOKENS, "tokens", ",~f"), (REFUSALS, "share of answers", "%")):
        for measure in measures.values():
            own = [row for row in rows if row["measure"] == measure]
            if own:
                panels.append(_curve(own, measure, alt.Y("value:Q", title=title, axis=alt.Axis(format=form))))
    return draw(alt.concat(*panels, columns=2), "drift", rows) if panels else None


def _curve(rows: list[dict[str, Any]], title: str, y: alt.Y) -> alt.LayerChart | alt.FacetChart:
    """Means over seeds with the band from the lowest to the highest seed."""
    base = alt.Chart(alt.InlineData(values=rows), width=WIDTH // 2 - 60, height=200, title=title)
    x = alt.X("step:Q", title="step")
    arms = [row["arm"] for row in rows]
    band = base.mark_area(opacity=0.18).encode(x, alt.Y("low:Q", title=""), alt.Y2("high:Q"), arm_colour(arms))
    return alt.layer(base.mark_line(strokeWidth=2).encode(x, y, arm_colour(arms)), band)


def over_optimisation(results: Mapping[str, Any]) -> Drawing | None:
    """The training rubric and the second grader over training, one panel an arm."""
    panels, drawn = [], []
    for arm, own in (results["over_optimisation"] or {}).items():
        rows = [
            {"step": point["step"], "grader": name, "score": point[key]}
            for point in own["curve"]
            for key, name in (("rubric", "training rubric"), ("second", "second grader"))
        ]
        if rows:
            panels.append(_two_graders(rows, arm))
            drawn += [{"arm": arm, **row} for row in rows]
    return draw(alt.concat(*panels, columns=3), "over-optimisation", drawn) if panels else None


def _two_graders(rows: list[dict[str, Any]], arm: str) -> alt.LayerChart | alt.FacetChart:
    graders = ["training rubric", "second grader"]
    base = alt.Chart(alt.InlineData(values=rows), width=WIDTH // 3 - 60, height=180, title=arm)
    colour = alt.Color("grader:N", scale=alt.Scale(domain=graders, range=[LOSS_COLOUR, GAIN_COLOUR]), legend=legend())
    dash = alt.StrokeDash("grader:N", scale=alt.Scale(domain=graders, range=[[1, 0], [4, 3]]), legend=None)
    y = alt.Y("score:Q", scale=alt.Scale(domain=[0, 1]), title="score")
    return alt.layer(base.mark_line(strokeWidth=2).encode(alt.X("step:Q", title="step"), y, colour, dash))
