"""Figures of the page as inline SVG: drawn with Altair, rendered by vl-convert without a browser or a network.

A figure takes the page's text colour (``currentColor``), so it follows dark mode. Arms have one colour and one shape
each everywhere (after Okabe and Ito 2008, readable without colour vision; darkened where white would swallow them).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import altair as alt
import vl_convert
from markupsafe import Markup

from beneficent.analysis.sheets import START

ARM_STYLES: dict[str, tuple[str, str]] = {
    START: ("#8c8c8c", "cross"),
    "baseline": ("#6f6f6f", "square"),
    "trait": ("#1f83c4", "circle"),
    "health-only": ("#d55e00", "triangle-up"),
    "no-health-science": ("#009e73", "diamond"),
    "helpfulness": ("#b8639c", "triangle-down"),
    "style": ("#a6791b", "triangle-right"),
    "sft-trait": ("#7a6fd0", "triangle-left"),
    "prompted": ("#3c8f8a", "stroke"),
}
_OTHER_STYLE = ("#a04040", "wedge")

_INK = "#010203"
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
WIDTH = 640
_ROOM = 36
"""Pixels spare beside texts: the reader's font may be wider than the one they were measured with."""

_SVG = "http://www.w3.org/2000/svg"
_TAGS = frozenset({"svg", "g", "path", "text", "tspan", "rect", "line", "defs", "clipPath", "title", "desc", "image"})
_FORBIDDEN = frozenset({"image"})
_GAIN, _LOSS, _NEITHER = "significantly better", "significantly worse", "not significant"


def arm_styles(arms: Sequence[str]) -> tuple[list[str], list[str]]:
    """Colours and shapes of the arms, in their order."""
    styles = [ARM_STYLES.get(arm, _OTHER_STYLE) for arm in arms]
    return [colour for colour, _ in styles], [shape for _, shape in styles]


def learning_curves(results: Mapping[str, Any]) -> Markup | None:
    """Reward by step on trait and on standard slots: mean over seeds, band from the lowest to the highest seed."""
    titles = {"trait": "trait slots: each arm's own reward", "standard": "standard slots: the same tasks in every arm"}
    panels = []
    for slots, title in titles.items():
        rows = [row for row in results["curves"] if row["slots"] == slots]
        if rows:
            panels.append(_curve(rows, title))
    return draw(alt.hconcat(*panels), "learning") if panels else None


def _curve(rows: list[dict[str, Any]], title: str) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(alt.InlineData(values=rows), width=WIDTH // 2 - 60, height=240, title=title)
    x = alt.X("step:Q", title="step")
    colour = arm_colour([row["arm"] for row in rows])
    scale = alt.Scale(domain=[0, 1])
    band = base.mark_area(opacity=0.18).encode(x, alt.Y("low:Q", scale=scale, title="reward"), alt.Y2("high:Q"), colour)
    line = base.mark_line(strokeWidth=2).encode(x, alt.Y("reward:Q", scale=scale), colour)
    return alt.layer(band, line)


def arm_colour(arms: Sequence[str]) -> alt.Color:
    """The colour channel of every figure that tells arms apart."""
    ordered = order_arms(arms)
    colours, _ = arm_styles(ordered)
    return alt.Color("arm:N", scale=alt.Scale(domain=ordered, range=colours), legend=_legend(columns=4))


def arm_shape(arms: Sequence[str]) -> alt.Shape:
    """The shape channel beside it."""
    ordered = order_arms(arms)
    _, shapes = arm_styles(ordered)
    return alt.Shape("arm:N", scale=alt.Scale(domain=ordered, range=shapes), legend=_legend(columns=4))


def _legend(**settings: Any) -> alt.Legend:
    return alt.Legend(orient="bottom", title=None, columnPadding=_ROOM, symbolOpacity=1, **settings)


def order_arms(arms: Sequence[str]) -> list[str]:
    """Known arms in their usual order, then the others by name."""
    known = {arm: place for place, arm in enumerate(ARM_STYLES)}
    return sorted(set(arms), key=lambda arm: (known.get(arm, len(known)), arm))


def forest(results: Mapping[str, Any], arm: str) -> Markup | None:
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
    scale = alt.Scale(domain=[_GAIN, _LOSS, _NEITHER], range=["#1f83c4", "#d55e00", "#8c8c8c"])
    colour = alt.Color("verdict:N", scale=scale, legend=_legend())
    formats = alt.Scale(domain=["trained format", "other format"], range=["square", "circle"])
    shape = alt.Shape("format:N", scale=formats, legend=_legend(symbolFillColor=_INK, symbolStrokeColor=_INK))
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(color=_INK, opacity=0.6).encode(alt.X("zero:Q"))
    layers = [zero]
    if any(row["method_low"] is not None for row in rows):
        given = "isValid(datum.method_low)"
        thin = base.transform_filter(given).mark_rule(strokeWidth=1, strokeDash=[2, 2], opacity=0.7)
        layers.append(thin.encode(y, alt.X("method_low:Q", title=""), alt.X2("method_high:Q"), colour))
    thick = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2.5)
    layers.append(thick.encode(y, alt.X("low:Q", title=""), alt.X2("high:Q"), colour))
    layers.append(base.mark_point(filled=True, size=45, opacity=1).encode(y, x, colour, shape))
    return draw(alt.layer(*layers), f"forest-{arm}")


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
        "low": _points(these["low"]),
        "high": _points(these["high"]),
        "method_low": _points(method["low"]),
        "method_high": _points(method["high"]),
        "verdict": verdict,
        "format": "trained format" if row["trained_format"] else "other format",
    }


def _points(value: float | None) -> float | None:
    return None if value is None else 100 * value


def trait_levels(results: Mapping[str, Any]) -> Markup | None:
    """Held-out score of every trait, one mark an arm."""
    rows = [
        {"row": level["trait"], "arm": arm, "score": value}
        for level in results["traits"]["levels"]
        for arm, value in level["levels"].items()
        if value is not None
    ]
    return _dots(rows, "held-out score", "traits") if rows else None


def mediation_levels(results: Mapping[str, Any]) -> Markup | None:
    """Level on the panel under every forced thought, one mark an arm."""
    if not results["mediation"]:
        return None
    rows = [
        {"row": row["condition"], "arm": row["arm"], "score": row["level"]}
        for row in results["mediation"]["levels"]
        if row["level"] is not None
    ]
    return _dots(rows, "score on the panel", "mediation") if rows else None


def over_optimisation(results: Mapping[str, Any]) -> Markup | None:
    """The training rubric and the second grader over training, one panel an arm."""
    panels = []
    for arm, own in (results["over_optimisation"] or {}).items():
        rows = [
            {"step": point["step"], "grader": name, "score": point[key]}
            for point in own["curve"]
            for key, name in (("rubric", "training rubric"), ("second", "second grader"))
        ]
        if rows:
            panels.append(_two_graders(rows, arm))
    return draw(alt.concat(*panels, columns=3), "over-optimisation") if panels else None


def _two_graders(rows: list[dict[str, Any]], arm: str) -> alt.LayerChart | alt.FacetChart:
    graders = ["training rubric", "second grader"]
    base = alt.Chart(alt.InlineData(values=rows), width=WIDTH // 3 - 60, height=180, title=arm)
    colour = alt.Color("grader:N", scale=alt.Scale(domain=graders, range=["#d55e00", "#1f83c4"]), legend=_legend())
    dash = alt.StrokeDash("grader:N", scale=alt.Scale(domain=graders, range=[[1, 0], [4, 3]]), legend=None)
    y = alt.Y("score:Q", scale=alt.Scale(domain=[0, 1]), title="score")
    return alt.layer(base.mark_line(strokeWidth=2).encode(alt.X("step:Q", title="step"), y, colour, dash))


def world_differences(results: Mapping[str, Any]) -> Markup | None:
    """Trait against baseline in each world: the trained format and the others, with intervals."""
    rows = [
        {
            "world": world["source"],
            "formats": name,
            "difference": 100 * own["difference"],
            "low": _points(own["these_models"]["low"]),
            "high": _points(own["these_models"]["high"]),
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
    colour = alt.Color("formats:N", scale=scale, legend=_legend())
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(color=_INK, opacity=0.6).encode(alt.X("zero:Q"))
    rule = base.mark_rule(strokeWidth=2.5).encode(y, alt.X("low:Q", title=""), alt.X2("high:Q"), colour, offset)
    x = alt.X("difference:Q", title="trait minus baseline, points")
    point = base.mark_point(filled=True, size=60, opacity=1).encode(y, x, colour, offset)
    return draw(alt.layer(zero, rule, point), "worlds")


def _dots(rows: list[dict[str, Any]], title: str, name: str) -> Markup:
    arms = [row["arm"] for row in rows]
    order = list(dict.fromkeys(row["row"] for row in rows))
    base = alt.Chart(alt.InlineData(values=rows), width=WIDTH - 220, height=alt.Step(26))
    points = base.mark_point(filled=True, size=80, opacity=0.9).encode(
        alt.X("score:Q", scale=alt.Scale(domain=[0, 1]), title=title),
        alt.Y("row:N", sort=order, title=None, axis=alt.Axis(labelLimit=280, grid=True)),
        arm_colour(arms),
        arm_shape(arms),
    )
    return draw(points, name)


def draw(chart: alt.TopLevelMixin, name: str) -> Markup:
    """The chart as SVG that may stand in the page: checked to hold shapes and text only, ids made its own."""
    themed = chart.configure(
        background="transparent", font=_FONT, aria=False, padding={"left": _ROOM, "right": _ROOM, "top": 5, "bottom": 5}
    )
    ink = {"labelColor": _INK, "titleColor": _INK, "domainColor": _INK, "tickColor": _INK}
    themed = themed.configure_axis(**ink, gridColor=_INK, gridOpacity=0.12, domainOpacity=0.4, tickOpacity=0.4)
    themed = themed.configure_legend(labelColor=_INK, titleColor=_INK, labelLimit=260).configure_title(color=_INK)
    themed = themed.configure_view(strokeOpacity=0)
    svg = vl_convert.vegalite_to_svg(themed.to_json(format="vega-lite", indent=None))
    return clean_svg(svg, name)


def clean_svg(svg: str, name: str) -> Markup:
    """``svg`` with its ids prefixed by ``name``, text in the page's colour, and nothing active in it.

    Raises:
        ValueError: an element or attribute that a drawing does not need; text of the data is escaped by the writer.
    """
    root = ElementTree.fromstring(svg)
    prefix = re.sub(r"[^a-z0-9]+", "-", name.lower())
    for element in root.iter():
        tag = element.tag.removeprefix(f"{{{_SVG}}}")
        if tag not in _TAGS or tag in _FORBIDDEN:
            raise ValueError(f"figure {name!r} holds an element <{tag}>; allowed are {sorted(_TAGS - _FORBIDDEN)}")
        for key, value in list(element.attrib.items()):
            if key.lower().startswith("on") or "href" in key.lower():
                raise ValueError(f"figure {name!r} holds an attribute {key!r}")
            value = value.replace(_INK, "currentColor").replace("url(#", f"url(#{prefix}-")
            element.set(key, f"{prefix}-{value}" if key == "id" else value)
    root.set("style", f"min-width:{min(int(float(root.get('width', '0'))), WIDTH)}px")
    root.set("aria-hidden", "true")
    root.set("focusable", "false")
    ElementTree.register_namespace("", _SVG)
    return Markup(ElementTree.tostring(root, encoding="unicode"))
