"""A made-up study whose titles, reasons, prompts, thoughts, answers and verdicts are hostile, and its page."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from synthetic import make_cards, make_ledgers, make_rollouts, make_scores, make_training, make_trajectories

from beneficent.analysis.answer import answer
from beneficent.analysis.settings import AnswerSettings
from beneficent.benchmarks.types import Card
from beneficent.report.drawing import Drawing
from beneficent.report.page import Material, render
from beneficent.situations.types import Message

SCRIPT = "<script>alert('planted')</script>"
PLANTED = (
    f"""{SCRIPT}<img src=x onerror=alert(1)>{{{{ 7 * 7 }}}}{{% raw %}}</pre></details></style>" onload='x' &amp;"""
    "<svg/onload=x><a href='javascript:alert(2)'>here</a></script>"
)
HUGE = "w" * 200_000
"""One word of 200,000 letters."""


@cache
def cards() -> tuple[Card, ...]:
    made = make_cards(53, evil=f" {SCRIPT}")
    watched = Card("watched", f"Watched {SCRIPT}", "monitoring", "yes/no", 1, "made-up", False, role="monitoring")
    return (*made, watched)


@cache
def scores(text: str = PLANTED) -> pl.DataFrame:
    rows = make_scores(cards(), seeds=(0, 1, 2), num_items=16, answer=text)
    verdicts = json.dumps([{"criterion": text, "met": False, "reason": text}])
    return rows.with_columns(
        unscored=pl.when(pl.col("unscored") == "off the form").then(pl.lit(PLANTED)).otherwise(pl.col("unscored")),
        thoughts=pl.concat_list(pl.lit(text)),
        verdicts=pl.lit(verdicts),
        cluster=pl.when(pl.col("benchmark").str.starts_with("held-out"))
        .then(pl.lit(f"domain {SCRIPT} ") + pl.col("item").str.tail(1))
        .otherwise(pl.col("cluster")),
    )


@cache
def results() -> dict[str, Any]:
    return answer(
        scores(),
        cards(),
        make_trajectories(),
        make_ledgers(),
        AnswerSettings(num_resamples=1000),
        rollouts=make_rollouts().with_columns(refusal=pl.lit("answer")),
        training=make_training(),
    )


def few_figures() -> dict[str, Any]:
    """The results without most of what is drawn, for pages that are made fast."""
    nothing: dict[str, Any] = {"curves": [], "drift": [], "domains": [], "monitoring": None, "transfer": {}}
    return {**copy.deepcopy(results()), **nothing}


def material(text: str = PLANTED) -> Material:
    names = [card.name for card in cards()]
    return Material(
        rollouts=make_rollouts(answer=text).with_columns(
            thought=pl.lit(text), verdicts=pl.lit(json.dumps([{"criterion": text, "met": None}]))
        ),
        scores=scores(text),
        prompts={"truthfulness-health-30": (Message("user", text),)},
        items={(name, f"item-{n}"): ((Message("user", f"{name} asks {text}"),),) for name in names for n in range(16)},
    )


def write_page(
    folder: Path, own: dict[str, Any] | None = None, text: str = PLANTED, publish: bool = False
) -> tuple[str, list[Drawing]]:
    """The page as text, and its figures."""
    out = folder / "report.html"
    drawings = render(
        own or results(), material(text), out, title=f"Study {SCRIPT}", facts={"machine": text}, publish=publish
    )
    return out.read_text(), drawings
