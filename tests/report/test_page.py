"""The page as a browser would read it: nothing active in it but one script, everything said, model text as text."""

import base64
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from hostile import PLANTED, SCRIPT, few_figures, results, write_page
from synthetic import make_cards, make_scores

from beneficent.analysis.answer import answer
from beneficent.analysis.settings import AnswerSettings
from beneficent.report.page import Material, render

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


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Reader]:
    html, _ = write_page(tmp_path_factory.mktemp("page"))
    return html, Reader(html)


def test_nothing_in_it_can_run_or_leave_but_one_script(page: tuple[str, Reader]) -> None:
    html, reader = page
    assert not {"iframe", "object", "embed", "img", "link", "base", "form", "foreignobject"} & set(reader.tags)
    for tag, key, value in reader.attributes:
        assert not key.startswith("on"), (tag, key)
        if key in ("href", "src", "action") or key.endswith(":href"):
            assert value.startswith("#"), (tag, key, value)
    assert "url(http" not in html
    assert "@import" not in html
    policy = next(value for tag, key, value in reader.attributes if tag == "meta" and "default-src" in value)
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{digest}'; " in policy
    assert policy.count("script-src") == 1
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function", script)


def test_planted_text_stands_there_as_text(page: tuple[str, Reader]) -> None:
    html, reader = page
    assert SCRIPT not in html
    text = "".join(reader.text)
    assert PLANTED in text
    assert f"Study {SCRIPT}" in text
    assert "{{ 7 * 7 }}" in text
    assert f"Benchmark 0 {SCRIPT}" in text
    assert f"{PLANTED}: not met: {PLANTED}" in text


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
        "Drift of lengths and refusals",
        "Drift in training, start to end",
        "trait against baseline",
        "What was not trained",
        "By trained and measured domain",
        "Held-out situations by domain",
        "Level under forced thoughts",
        "Monitorability",
        "Denominators",
        "Ledger",
        "Rollouts to read",
    ):
        assert heading in text
    assert text.index(results()["verdicts"][1]["sentence"]) < text.index("Held-out score by trait")
    assert reader.tags["figure"] == reader.tags["svg"] == 8
    assert len(html.encode()) < 5_000_000
    for wanted in ("prefers-color-scheme: dark", "@media print", 'name="viewport"', 'lang="en"'):
        assert wanted in html


def test_warnings_come_first_and_verdicts_carry_interval_seeds_and_label(tmp_path: Path) -> None:
    own = few_figures()
    own["warnings"] = ["Read this before anything."]
    own["verdicts"][0] |= {"kind": "this_method", "low": 0.0123, "high": 0.2, "seeds": 3, "label": "preregistered"}
    mediation = next(one for one in own["verdicts"] if one["id"] == "mediation")
    mediation |= {"kind": "these_models", "low": 0.392, "high": 0.926, "seeds": 1}
    text = "".join(Reader(write_page(tmp_path, own)[0]).text)
    first = own["verdicts"][0]
    assert text.index("Read this before anything.") < text.index(own["verdicts"][1]["sentence"])
    labels = text[text.index(first["question"]) : text.index(first["sentence"])]
    for label in ("preregistered", "3 seeds", "95% this method: +1.2 to +20.0 points"):
        assert label in labels
    labels = text[text.index(mediation["question"]) : text.index(mediation["sentence"])]
    assert "1 seed" in labels
    assert "seeds" not in labels
    assert "95% these models: +39.2 to +92.6%" in labels


def test_the_forest_has_a_line_for_every_benchmark(page: tuple[str, Reader]) -> None:
    html, _ = page
    figure = html.split('aria-labelledby="caption-forest-trait"')[1].split("</figure>")[0]
    shown = Reader(figure.split("</h3>")[1].split("<figcaption")[0])
    labels = {text.strip() for text in shown.text if text.strip().startswith("Benchmark ")}
    assert len(labels) == 53


def test_two_renderings_are_the_same(page: tuple[str, Reader], tmp_path: Path) -> None:
    assert write_page(tmp_path)[0] == page[0]


def test_a_small_study_has_a_page_without_a_script(tmp_path: Path) -> None:
    cards = make_cards(3)
    scores = make_scores(cards, arms=("baseline",), seeds=(0,), num_items=8).filter(pl.col("condition") == "clean")
    small = answer(scores, cards, {}, {}, AnswerSettings(num_resamples=1000))
    drawn = render(small, Material(), tmp_path / "report.html")
    assert [drawing.name for drawing in drawn] == ["traits"]
    html = (tmp_path / "report.html").read_text()
    reader = Reader(html)
    assert reader.tags["table"] >= 2
    assert reader.tags["script"] == 0
    assert "script-src" not in html


def test_what_cannot_be_said_on_domains_is_said(page: tuple[str, Reader], tmp_path: Path) -> None:
    missing = "No arm here was trained on some of the domains only"
    assert missing not in page[0]
    some = few_figures() | {"domains": [{"arm": "trait", "domain": "health", "difference": 0.1, "pairs": 8}]}
    assert missing in write_page(tmp_path, some)[0]


def test_a_page_out_of_bounds_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    large = few_figures()
    large["warnings"] = ["x" * 5_000_000]
    with pytest.raises(ValueError, match="allowed are 5,000,000"):
        render(large, Material(), tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_published_page_shows_no_item_that_may_not_be_passed_on(page: tuple[str, Reader], tmp_path: Path) -> None:
    """Every fifth benchmark of the made-up study is not home-made."""
    whole, published = page[0], write_page(tmp_path, few_figures(), publish=True)[0]
    assert "bench-04 asks" in whole
    assert "bench-04 asks" not in published
    assert "bench-03 asks" in published
    assert "Its text is not shown in a published page" in published
    assert "In the form for publishing" in published
    assert "In the form for publishing" not in whole
