"""A heat map of a library: how many situations each cell of traits and domains has. Needs no browser, no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import altair as alt
import vl_convert

from beneficent.core.errors import DataError
from beneficent.core.files import write_bytes, write_text
from beneficent.situations.definitions import domains, traits
from beneficent.situations.summary import cells
from beneficent.situations.types import WrittenSituation

_CELL = 34
"""Pixels of a cell's side."""
_PNG_SCALE = 2.0


def write_heatmap(situations: Sequence[WrittenSituation], file: Path) -> None:
    """Draw the counts by trait and domain into an ``.html`` or ``.png`` file; the page works without a network.

    Raises:
        DataError: the file's name ends otherwise.
        BeneficentError: the file cannot be written.
    """
    chart = _chart(cells(situations)).to_json(indent=None)
    match file.suffix:
        case ".html":
            write_text(file, vl_convert.vegalite_to_html(chart, bundle=True))
        case ".png":
            write_bytes(file, vl_convert.vegalite_to_png(chart, scale=_PNG_SCALE))
        case _:
            raise DataError(f"{file}: a heat map is written as .html or .png; the name ends in {file.suffix!r}")


def _chart(counts: Mapping[tuple[str, str], int]) -> alt.LayerChart | alt.FacetChart:
    rows = [
        {"trait": traits()[trait].title, "domain": domains()[domain].title, "situations": count}
        for (trait, domain), count in counts.items()
    ]
    most = max(counts.values())
    base = alt.Chart(
        alt.InlineData(values=rows),
        title=f"{sum(counts.values())} situations by trait and domain",
        width=_CELL * len(domains()),
        height=_CELL * len(traits()),
    ).encode(
        x=alt.X("domain:N", sort=None, title=None, axis=alt.Axis(labelAngle=-40, labelLimit=0)),
        y=alt.Y("trait:N", sort=None, title=None, axis=alt.Axis(labelLimit=0)),
    )
    colour = alt.Color(
        "situations:Q", scale=alt.Scale(range=["#f2f6fb", "#0a4a90"], domain=[0, max(1, most)]), legend=None
    )
    # White figures on the dark half of the scale, black ones on the light half.
    ink = alt.when(alt.datum.situations > most / 2).then(alt.value("white")).otherwise(alt.value("black"))
    squares = base.mark_rect().encode(color=colour, tooltip=["trait:N", "domain:N", "situations:Q"])
    return alt.layer(squares, base.mark_text().encode(text="situations:Q", color=ink))
