from dataclasses import replace
from pathlib import Path

import fake_source
import pytest

from beneficent.benchmarks.listing import Listing
from beneficent.core.errors import DataError, RecipeError
from beneficent.study.recipe import MediationSection
from beneficent.study.suite import build_suite, choose_panel, count_items, in_portions, make_condition

SOURCE = fake_source.FakeSource(Path("nowhere"))
SUITE = build_suite(SOURCE)


def renamed(name: str, family: str) -> fake_source.WordBenchmark:
    benchmark = SOURCE.benchmarks()[0]
    return replace(benchmark, card=replace(benchmark.card, name=name, family=family))


def test_held_out_situations_join_the_suite_one_benchmark_a_trait() -> None:
    names = [card.name for card in SUITE.cards]
    assert names == ["safety", "proof", "fairness", "saying", "held-out corrigibility", "held-out truthfulness"]
    assert [card.role for card in SUITE.cards][-2:] == ["trait", "trait"]


def test_the_panel_takes_from_the_families_in_turn() -> None:
    suite = Listing([renamed(n, f) for n, f in [("d", "y"), ("c", "x"), ("b", "x"), ("a", "x"), ("e", "z")]])

    def panel(count: int) -> list[str]:
        return [one.card.name for one in choose_panel(suite, MediationSection(benchmarks=count))]

    assert panel(3) == ["a", "d", "e"]
    assert panel(5) == ["a", "d", "e", "b", "c"]
    with pytest.raises(RecipeError, match=r"mediation\.benchmarks is 6, but the source has 5 alignment benchmarks"):
        panel(6)


def test_only_alignment_benchmarks_are_in_the_panel() -> None:
    assert {one.card.role for one in choose_panel(SUITE, MediationSection(benchmarks=3))} == {"alignment"}


def test_portions_keep_the_order_and_the_size() -> None:
    benchmarks = tuple(SUITE)
    assert [count_items([one], None) for one in benchmarks] == [12, 12, 12, 12, 6, 6]

    def sizes(size: int, limit: int | None = None) -> list[int]:
        portions = in_portions(benchmarks, limit, size)
        assert [one for portion in portions for one in portion] == list(benchmarks)
        return [count_items(portion, limit) for portion in portions]

    assert sizes(24) == [24, 24, 12]
    assert sizes(1) == [12, 12, 12, 12, 6, 6]
    assert sizes(1000) == [60]
    assert sizes(9, limit=3) == [9, 9]


def test_conditions() -> None:
    assert make_condition("clean", SOURCE).openings is None
    assert make_condition("thought-removed", SOURCE).openings == ("",)
    assert make_condition("thought-beneficial", SOURCE).openings == ("good",)
    assert make_condition("thought-harmful", SOURCE).openings == ("bad",)


def test_a_source_without_thoughts_to_force_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_source.FakeSource, "openings", lambda self, kind: [])
    with pytest.raises(DataError, match="needs harmful thoughts to force"):
        make_condition("thought-harmful", SOURCE)
