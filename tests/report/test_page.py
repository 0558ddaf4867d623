"""The page as a browser would read it: nothing active in it, everything said, model text as text."""

import copy
import json
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from synthetic import make_cards, make_ledgers, make_rollouts, make_scores, make_training, make_trajectories

from beneficent.analysis.answer import answer
from beneficent.analysis.settings import AnswerSettings
from beneficent.report.figures import clean_svg
from beneficent.report.page import render
from beneficent.report.rollouts import MAX_CHARS, choose, read_verdicts

SCRIPT = "<script>alert('planted')</script>"
PLANTED = (
    f"""{SCRIPT}<img src=x onerror=alert(1)>{{{{ 7 * 7 }}}}{{% raw %}}</pre></style>" onload='x' &amp;<svg/onload=x>"""
)
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Reader(HTMLParser):
    """Elements, attributes, ids and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, key, value or "") for key, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, key, value or "") for key, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@cache
def results() -> dict[str, Any]:
    """A study whose benchmark titles and unscored reasons are hostile."""
    cards = make_cards(53, evil=f" {SCRIPT}")
    scores = make_scores(cards, seeds=(0, 1, 2), num_items=16).with_columns(
        unscored=pl.when(pl.col("unscored") == "off the form").then(pl.lit(PLANTED)).otherwise(pl.col("unscored"))
    )
    return answer(
        scores,
        cards,
        make_trajectories(),
        make_ledgers(),
        AnswerSettings(num_resamples=1000),
        rollouts=make_rollouts(),
        training=make_training(),
    )


def page_of(folder: Path, own: dict[str, Any] | None = None, text: str = PLANTED) -> tuple[str, Reader]:
    out = folder / "report.html"
    prompts = {"truthfulness-health-30": f"user: {text}"}
    rollouts = make_rollouts(answer=text).with_columns(verdicts=pl.lit(json.dumps([{"criterion": text, "met": None}])))
    render(own or results(), rollouts, out, title=f"Study {SCRIPT}", prompts=prompts, facts={"machine": text})
    html = out.read_text()
    return html, Reader(html)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Reader]:
    return page_of(tmp_path_factory.mktemp("page"))


def test_nothing_in_it_can_run_or_leave(page: tuple[str, Reader]) -> None:
    html, reader = page
    assert not {"script", "iframe", "object", "embed", "img", "link", "base", "form", "foreignobject"} & set(
        reader.tags
    )
    for tag, key, value in reader.attributes:
        assert not key.startswith("on"), (tag, key)
        if key in ("href", "src", "action") or key.endswith(":href"):
            assert value.startswith("#"), (tag, key, value)
    assert "url(http" not in html
    assert "@import" not in html
    assert "default-src 'none'" in html


def test_planted_text_stands_there_as_text(page: tuple[str, Reader]) -> None:
    html, reader = page
    assert SCRIPT not in html
    text = "".join(reader.text)
    assert PLANTED in text
    assert f"Study {SCRIPT}" in text
    assert "{{ 7 * 7 }}" in text
    assert f"Benchmark 0 {SCRIPT}" in text


def test_elements_close_and_ids_are_one_of_a_kind(page: tuple[str, Reader]) -> None:
    _, reader = page
    assert reader.open == []
    ids = Counter(value for _, key, value in reader.attributes if key == "id")
    assert max(ids.values()) == 1
    targets = {value[1:] for _, key, value in reader.attributes if key == "href"}
    assert targets <= set(ids)
    clips = {value[5:-1] for _, key, value in reader.attributes if key == "clip-path"}
    assert clips <= set(ids)


def test_the_page_says_everything(page: tuple[str, Reader]) -> None:
    html, reader = page
    text = "".join(reader.text)
    for verdict in results()["verdicts"]:
        assert verdict["sentence"] in text
        assert verdict["question"] in text
    for heading in (
        "Learning curves",
        "trait against baseline",
        "Level under forced thoughts",
        "Denominators",
        "Ledger",
    ):
        assert heading in text
    assert text.index(results()["verdicts"][1]["sentence"]) < text.index("Held-out score by trait")
    assert reader.tags["figure"] == reader.tags["svg"] == 4
    assert len(html.encode()) < 5_000_000
    for wanted in ("prefers-color-scheme: dark", "@media print", 'name="viewport"', 'lang="en"'):
        assert wanted in html


def test_the_forest_has_a_line_for_every_benchmark(page: tuple[str, Reader]) -> None:
    html, _ = page
    figure = html.split('aria-labelledby="caption-forest-trait"')[1].split("</figure>")[0]
    shown = Reader(figure.split("</h3>")[1].split("<figcaption")[0])
    labels = {text.strip() for text in shown.text if text.strip().startswith("Benchmark ")}
    assert len(labels) == 53


def test_two_renderings_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert page_of(tmp_path / "a")[0] == page_of(tmp_path / "b")[0]


def test_a_small_study_has_a_page(tmp_path: Path) -> None:
    cards = make_cards(3)
    scores = make_scores(cards, arms=("baseline",), seeds=(0,), num_items=8).filter(pl.col("condition") == "clean")
    small = answer(scores, cards, {}, {}, AnswerSettings(num_resamples=1000))
    render(small, None, tmp_path / "report.html")
    reader = Reader((tmp_path / "report.html").read_text())
    assert reader.tags["table"] >= 2


def test_a_page_out_of_bounds_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    large = copy.deepcopy(results())
    large["warnings"] = ["x" * 5_000_000]
    with pytest.raises(ValueError, match="allowed are 5,000,000"):
        render(large, None, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_best_and_worst_come_from_late_training() -> None:
    chosen = choose(make_rollouts(), {})
    trait = [reading for reading in chosen if reading.arm == "trait"]
    assert [reading.place for reading in trait] == ["best", "best", "worst", "worst"]
    assert [reading.score for reading in trait] == [1.0, 1.0, 0.0, 0.0]
    assert all(int(reading.head.split("step ")[1]) > 0.75 * 38 for reading in trait)
    assert [reading.arm for reading in chosen][:1] == ["baseline"]


def test_unscored_rollouts_are_never_the_worst() -> None:
    unscored = make_rollouts().with_columns(
        score=pl.when(pl.col("step") >= 30).then(None).otherwise(pl.col("score")), unscored=pl.lit("judge timed out")
    )
    assert all("step 3" not in reading.head for reading in choose(unscored, {}))
    assert choose(None, {}) == []


def test_long_text_is_cut_with_a_note() -> None:
    reading = choose(make_rollouts(answer="a" * (MAX_CHARS + 1234)), {})[0]
    assert reading.answer.endswith("... (1,234 characters more)")
    assert len(reading.answer) < MAX_CHARS + 50


@pytest.mark.parametrize(
    "text", ["not json", '{"a": 1}', '[{"criterion": "c"}]', "[1]", '[{"criterion": "c", "met": [1]}]']
)
def test_verdicts_that_cannot_be_read_are_shown(text: str) -> None:
    assert read_verdicts(text) == ((text, "not readable"),)


def test_verdicts_in_words() -> None:
    text = json.dumps(
        [{"criterion": "a", "met": True}, {"criterion": "b", "met": False}, {"criterion": "c", "met": None}]
    )
    assert read_verdicts(text) == (("a", "met"), ("b", "not met"), ("c", "unscored"))
    assert read_verdicts(None) == ()


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
