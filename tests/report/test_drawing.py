"""Drawings: nothing active in them, ids of their own, and files that hold what is drawn."""

import csv
import io
from pathlib import Path
from xml.etree import ElementTree

import altair as alt
import pytest
from hostile import SCRIPT

from beneficent.report.drawing import clean_svg, draw, write_figures
from beneficent.report.figures import monitorability
from beneficent.report.training_figures import drift
from beneficent.report.transfer_figures import domain_heat_map, transfer

ROWS = [{"name": f"a, {SCRIPT}", "value": 0.25}, {"name": 'b "quoted"', "value": None}]


@pytest.mark.parametrize(
    "inside",
    [
        "<script>x</script>",
        '<g onload="x"/>',
        '<a href="http://example.org"/>',
        "<foreignObject/>",
        '<image href="data:x"/>',
    ],
)
def test_a_drawing_with_anything_active_is_refused(inside: str) -> None:
    with pytest.raises(ValueError, match="holds an"):
        clean_svg(f'<svg xmlns="http://www.w3.org/2000/svg" width="10">{inside}</svg>', "figure")


def test_drawings_keep_their_ids_apart() -> None:
    inside = '<defs><clipPath id="c0"/></defs><g clip-path="url(#c0)"/>'
    cleaned = clean_svg(f'<svg xmlns="http://www.w3.org/2000/svg" width="9">{inside}</svg>', "Forest trait")
    assert 'id="forest-trait-c0"' in cleaned
    assert "url(#forest-trait-c0)" in cleaned


def test_the_files_of_a_figure(tmp_path: Path) -> None:
    chart = alt.Chart(alt.InlineData(values=ROWS)).mark_bar().encode(alt.X("name:N"), alt.Y("value:Q"))
    written = write_figures([draw(chart, "An attack / with: a name", ROWS)], tmp_path / "figures")
    name = "an-attack-with-a-name"
    assert [path.name for path in written] == [f"{name}.svg", f"{name}.png", f"{name}.csv"]
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {path.name for path in written}
    svg, png, data = (path.read_bytes() for path in written)
    root = ElementTree.fromstring(svg)
    assert root[0].attrib == {"width": "100%", "height": "100%", "fill": "#ffffff"}
    assert SCRIPT.encode() not in svg
    assert png.startswith(b"\x89PNG")
    size = [int.from_bytes(png[at : at + 4], "big") for at in (16, 20)]
    assert size == [round(2 * float(root.attrib[key])) for key in ("width", "height")]
    assert list(csv.DictReader(io.StringIO(data.decode()))) == [
        {"name": ROWS[0]["name"], "value": "0.25"},
        {"name": ROWS[1]["name"], "value": ""},
    ]


def test_transfer_draws_points_with_both_intervals() -> None:
    def part(difference: float | None, low: float | None) -> dict[str, object]:
        these = {"low": low, "high": 0.3}
        return {
            "compared": 2,
            "difference": difference,
            "these_models": these,
            "this_method": {"low": None, "high": None},
        }

    line = {"arm": "health-only", "subset": "non-health", "all": part(0.2, 0.1), "trained format": part(None, None)}
    drawn = transfer({"baseline": "baseline", "transfer": {"health-only": {**line, "other formats": part(-0.1, -0.2)}}})
    assert drawn is not None
    assert [row["row"] for row in drawn.rows] == [
        "health-only on non-health: all",
        "health-only on non-health: other formats",
    ]
    assert [(row["difference"], row["low"], row["method_low"]) for row in drawn.rows] == [
        (20, 10, None),
        (-10, -20, None),
    ]
    assert transfer({"baseline": "baseline", "transfer": {}}) is None


def test_the_heat_map_prints_its_numbers() -> None:
    rows = [
        {"arm": "trait", "domain": "health", "difference": 0.123, "pairs": 4},
        {"arm": "health-only", "domain": "law", "difference": -0.05, "pairs": 4},
    ]
    drawn = domain_heat_map({"domains": rows})
    assert drawn is not None
    texts = [element.text for element in ElementTree.fromstring(drawn.rendered).iter() if element.text]
    assert {"+12.3", "\u22125.0", "health", "law", "trait", "health-only"} <= set(texts)
    assert domain_heat_map({}) is None, "results of an older version"


def test_monitors_that_say_nothing_are_left_out() -> None:
    def measured(value: float | None) -> dict[str, object]:
        return {"auroc": None if value is None else {"with_thought": value, "answer_only": 0.5}}

    own = {"watched": {"trait": measured(0.9), "baseline": measured(None)}, "other": {"trait": measured(None)}}
    drawn = monitorability({"monitoring": {"benchmarks": own}})
    assert drawn is not None
    assert [(row["benchmark"], row["arm"], row["monitor"], row["auroc"]) for row in drawn.rows] == [
        ("watched", "trait", "thought and answer", 0.9),
        ("watched", "trait", "answer only", 0.5),
    ]
    assert monitorability({"monitoring": None}) is None


def test_drift_has_a_panel_for_each_measure_there_is() -> None:
    point = {"arm": "trait", "step": 2.0, "value": 0.5, "low": 0.4, "high": 0.6, "seeds": 2}
    rows = [{**point, "measure": name} for name in ("refusals on trait slots", "tokens on standard slots")]
    drawn = drift({"drift": rows})
    assert drawn is not None
    texts = [element.text for element in ElementTree.fromstring(drawn.rendered).iter() if element.text]
    shown = [text for text in texts if "slots" in text]
    assert shown == ["tokens on standard slots", "refusals on trait slots"]
    assert drift({}) is None
