"""How every figure is drawn: with Altair, rendered by vl-convert without a browser or a network.

In the page a figure takes the page's text colour (``currentColor``), so it follows dark mode; as a file it stands on
white. Arms have one colour and one shape each everywhere (after Okabe and Ito 2008, readable without colour vision;
darkened where white would swallow them).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import altair as alt
import polars as pl
import vl_convert
from markupsafe import Markup

from beneficent.analysis.sheets import START
from beneficent.core.files import write_bytes

ARM_STYLES: dict[str, tuple[str, str]] = {
    START: ("#8c8c8c", "cross"),
    "baseline": ("#6f6f6f", "square"),
    "trait": ("#1f83c4", "circle"),
    "health-only": ("#d55e00", "triangle-up"),
    "no-health-science": ("#009e73", "diamond"),
    "helpfulness": ("#b8639c", "triangle-down"),
    "style": ("#a6791b", "triangle-right"),
    "sft-trait": ("#7a6fd0", "triangle-left"),
    "prompted": ("#3c8f8a", "arrow"),
}
_OTHER_STYLE = ("#a04040", "wedge")

INK = "#010203"
"""The page's text colour, whatever it is."""
GAIN_COLOUR, LOSS_COLOUR, NEITHER_COLOUR = "#1f83c4", "#d55e00", "#8c8c8c"
WIDTH = 640
PNG_SCALE = 2
"""Pixels of a PNG file for one of the page."""
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
_ROOM = 36
"""Pixels spare beside texts: the reader's font may be wider than the one they were measured with."""

_SVG = "http://www.w3.org/2000/svg"
_TAGS = frozenset({"svg", "g", "path", "text", "tspan", "rect", "line", "defs", "clipPath", "title", "desc", "image"})
_FORBIDDEN = frozenset({"image"})


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure: its SVG as rendered, and the rows that are drawn in it, one a mark."""

    name: str
    rows: Sequence[Mapping[str, Any]]
    rendered: str

    @property
    def slug(self) -> str:
        """The name as a file name and as the beginning of ids."""
        return slug(self.name)

    def inline(self) -> Markup:
        """SVG that may stand in the page; see ``clean_svg``."""
        return clean_svg(self.rendered, self.name)

    def standalone(self) -> str:
        """SVG for a file, on white."""
        root = ElementTree.fromstring(self.rendered)
        root.insert(0, ElementTree.Element(f"{{{_SVG}}}rect", width="100%", height="100%", fill="#ffffff"))
        return ElementTree.tostring(root, encoding="unicode")


def arm_styles(arms: Sequence[str]) -> tuple[list[str], list[str]]:
    """Colours and shapes of the arms, in their order."""
    styles = [ARM_STYLES.get(arm, _OTHER_STYLE) for arm in arms]
    return [colour for colour, _ in styles], [shape for _, shape in styles]


def arm_colour(arms: Sequence[str]) -> alt.Color:
    """The colour channel of every figure that tells arms apart."""
    ordered = order_arms(arms)
    colours, _ = arm_styles(ordered)
    return alt.Color("arm:N", scale=alt.Scale(domain=ordered, range=colours), legend=legend(columns=4))


def arm_shape(arms: Sequence[str]) -> alt.Shape:
    """The shape channel beside it."""
    ordered = order_arms(arms)
    _, shapes = arm_styles(ordered)
    return alt.Shape("arm:N", scale=alt.Scale(domain=ordered, range=shapes), legend=legend(columns=4))


def legend(**settings: Any) -> alt.Legend:
    """A legend below the figure, without a title."""
    return alt.Legend(orient="bottom", title=None, columnPadding=_ROOM, symbolOpacity=1, **settings)


def order_arms(arms: Sequence[str]) -> list[str]:
    """Known arms in their usual order, then the others by name."""
    known = {arm: place for place, arm in enumerate(ARM_STYLES)}
    return sorted(set(arms), key=lambda arm: (known.get(arm, len(known)), arm))


def zero_line() -> alt.Chart:
    """The line where nothing differs."""
    line: alt.Chart = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(color=INK, opacity=0.6)
    return line.encode(alt.X("zero:Q"))


def as_points(value: float | None) -> float | None:
    """A score difference in points of 100."""
    return None if value is None else 100 * value


def draw(chart: alt.TopLevelMixin, name: str, rows: Sequence[Mapping[str, Any]]) -> Drawing:
    """The chart rendered; ``rows`` are the data in it."""
    themed = chart.configure(
        background="transparent", font=_FONT, aria=False, padding={"left": _ROOM, "right": _ROOM, "top": 5, "bottom": 5}
    )
    ink = {"labelColor": INK, "titleColor": INK, "domainColor": INK, "tickColor": INK}
    themed = themed.configure_axis(**ink, gridColor=INK, gridOpacity=0.12, domainOpacity=0.4, tickOpacity=0.4)
    themed = themed.configure_legend(labelColor=INK, titleColor=INK, labelLimit=260).configure_title(color=INK)
    themed = themed.configure_view(strokeOpacity=0)
    return Drawing(name, rows, vl_convert.vegalite_to_svg(themed.to_json(format="vega-lite", indent=None)))


def slug(name: str) -> str:
    """The name in small letters and digits, with hyphens for everything else."""
    return re.sub(r"[\W_]+", "-", name.lower()).strip("-")


def clean_svg(svg: str, name: str) -> Markup:
    """``svg`` with its ids prefixed by ``name``, text in the page's colour, and nothing active in it.

    Raises:
        ValueError: an element or attribute that a drawing does not need; text of the data is escaped by the writer.
    """
    root = ElementTree.fromstring(svg)
    prefix = slug(name)
    for element in root.iter():
        tag = element.tag.removeprefix(f"{{{_SVG}}}")
        if tag not in _TAGS or tag in _FORBIDDEN:
            raise ValueError(f"figure {name!r} holds an element <{tag}>; allowed are {sorted(_TAGS - _FORBIDDEN)}")
        for key, value in list(element.attrib.items()):
            if key.lower().startswith("on") or "href" in key.lower():
                raise ValueError(f"figure {name!r} holds an attribute {key!r}")
            value = value.replace(INK, "currentColor").replace("url(#", f"url(#{prefix}-")
            element.set(key, f"{prefix}-{value}" if key == "id" else value)
    root.set("style", f"min-width:{min(int(float(root.get('width', '0'))), WIDTH)}px")
    root.set("aria-hidden", "true")
    root.set("focusable", "false")
    ElementTree.register_namespace("", _SVG)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def write_figures(drawings: Sequence[Drawing], folder: Path) -> list[Path]:
    """Every figure as ``<name>.svg`` and ``<name>.png`` on white, and what is drawn in it as ``<name>.csv``.

    Raises:
        BeneficentError: a file cannot be written.
    """
    written = []
    for drawing in drawings:
        svg = drawing.standalone()
        rows = pl.DataFrame(list(drawing.rows), infer_schema_length=None)
        contents = {
            "svg": svg.encode(),
            "png": vl_convert.svg_to_png(svg, scale=PNG_SCALE),
            "csv": rows.write_csv().encode(),
        }
        for suffix, content in contents.items():
            path = folder / f"{drawing.slug}.{suffix}"
            write_bytes(path, content)
            written.append(path)
    return written
