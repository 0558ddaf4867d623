"""Figures of transfer: what arms trained on a part gained on the rest, and every arm by measured domain."""

from collections.abc import Mapping
from typing import Any

import altair as alt

from beneficent.report.drawing import (
    WIDTH,
    Drawing,
    arm_colour,
    arm_shape,
    as_points,
    draw,
    order_arms,
    zero_line,
)

_ON_CELLS = "#14181d"
"""Ink on the light colours of the heat map, in dark mode too."""
_BELOW_TO_ABOVE = ["#f08a3c", "#f3f1ec", "#5aa9dc"]


def transfer(results: Mapping[str, Any]) -> Drawing | None:
    """Mean difference on benchmarks that an arm was not trained on, all and by format, with both intervals."""
    rows = [
        {
            "row": f"{line['arm']} on {line['subset']}: {part}",
            "arm": line["arm"],
            "benchmarks": line[part]["compared"],
            "difference": as_points(line[part]["difference"]),
            "low": as_points(line[part]["these_models"]["low"]),
            "high": as_points(line[part]["these_models"]["high"]),
            "method_low": as_points(line[part]["this_method"]["low"]),
            "method_high": as_points(line[part]["this_method"]["high"]),
        }
        for line in results["transfer"].values()
        for part in ("all", "trained format", "other formats")
        if line[part]["difference"] is not None
    ]
    if not rows:
        return None
    base = alt.Chart(alt.InlineData(values=rows), width=WIDTH - 280, height=alt.Step(24))
    arms = [row["arm"] for row in rows]
    y = alt.Y("row:N", sort=[row["row"] for row in rows], title=None, axis=alt.Axis(labelLimit=340))
    thin = base.transform_filter("isValid(datum.method_low)").mark_rule(strokeWidth=1, strokeDash=[2, 2], opacity=0.7)
    thick = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2.5)
    x = alt.X("difference:Q", title=f"difference to {results['baseline']}, points")
    layers = [
        zero_line(),
        thin.encode(y, alt.X("method_low:Q", title=""), alt.X2("method_high:Q"), arm_colour(arms)),
        thick.encode(y, alt.X("low:Q", title=""), alt.X2("high:Q"), arm_colour(arms)),
        base.mark_point(filled=True, size=70, opacity=1).encode(y, x, arm_colour(arms), arm_shape(arms)),
    ]
    return draw(alt.layer(*layers), "transfer", rows)


def domain_heat_map(results: Mapping[str, Any]) -> Drawing | None:
    """Difference to the baseline on held-out situations, one column an arm and one row a measured domain."""
    rows = [{**row, "difference": 100 * row["difference"]} for row in results.get("domains") or ()]
    if not rows:
        return None
    base = alt.Chart(alt.InlineData(values=rows), width=alt.Step(104), height=alt.Step(24))
    x = alt.X(
        "arm:N",
        sort=order_arms([row["arm"] for row in rows]),
        title="trained",
        axis=alt.Axis(orient="top", labelAngle=0, labelLimit=100),
    )
    y = alt.Y(
        "domain:N",
        sort=list(dict.fromkeys(row["domain"] for row in rows)),
        title="measured",
        axis=alt.Axis(labelLimit=260),
    )
    most = max(abs(row["difference"]) for row in rows) or 1.0
    scale = alt.Scale(domain=[-most, 0, most], range=_BELOW_TO_ABOVE, interpolate="lab")
    cells = base.mark_rect(opacity=1).encode(x, y, alt.Color("difference:Q", scale=scale, legend=None))
    numbers = base.mark_text(color=_ON_CELLS).encode(x, y, alt.Text("difference:Q", format="+.1f"))
    return draw(alt.layer(cells, numbers), "domains", rows)
