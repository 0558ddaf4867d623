"""``report.html``: one self-contained page without network. Model text is untrusted and escaped, always.

Its one script filters the rollouts to read; the page's Content-Security-Policy allows it by its SHA-256 and nothing
else, and without it everything can be read all the same.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from beneficent.core.files import write_text
from beneficent.report.drawing import Drawing
from beneficent.report.pairs import Items, choose_pairs
from beneficent.report.readings import KINDS, MAX_CHARS, fit
from beneficent.report.rollouts import choose_rollouts
from beneficent.report.sections import sections
from beneficent.situations.types import Message

MAX_BYTES = 5_000_000
_SHARES = ("mediation",)
"""Questions whose interval is of a share, not of a score."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a study left to read, besides its results."""

    rollouts: pl.DataFrame | None = None
    """Training rollouts with ``arm`` and ``seed``."""
    scores: pl.DataFrame | None = None
    """Rows of benchmark items with ``arm`` and ``seed``."""
    prompts: Mapping[str, Sequence[Message]] = field(default_factory=dict)
    """Exercise -> its conversation."""
    items: Items = field(default_factory=dict)
    notes: Sequence[str] = ()
    """Sentences to print above what there is to read."""


def render(
    results: Mapping[str, Any],
    material: Material,
    out: Path,
    *,
    title: str | None = None,
    facts: Mapping[str, str] | None = None,
    publish: bool = False,
) -> list[Drawing]:
    """Write the page to ``out``, whole or not at all; returns the figures in it.

    Args:
        results: what ``analysis.answer.answer`` gave; a dict ``study`` in it (name of the recipe, digest ...) heads the
            facts at the foot of the page.
        material: what to choose rollouts to read from.
        title: the heading; by default the recipe's name.
        facts: more lines for the foot of the page, such as versions and machine.
        publish: see ``pairs.choose_pairs``.

    Raises:
        ValueError: the page would be larger than ``MAX_BYTES``.
    """
    study = results.get("study", {})
    environment = Environment(
        loader=PackageLoader("beneficent.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown, verdicts, script = sections(results), _verdicts(results), _script()
    readings = [
        *choose_pairs(material.scores, results, material.items, publish),
        *choose_rollouts(material.rollouts, material.prompts),
    ]
    template = environment.get_template("reading.html.j2")
    shelves = fit(readings, lambda reading: Markup(template.render(reading=reading)))
    page = environment.get_template("page.html.j2").render(
        title=title or f"Beneficent: {study.get('recipe', 'a study')}",
        results=results,
        verdicts=verdicts,
        lead=_lead(verdicts),
        sections=shown,
        shelves=shelves,
        num_left_out=len(readings) - sum(len(group.shown) for groups in shelves.values() for group in groups),
        kinds=KINDS,
        max_chars=MAX_CHARS,
        notes=material.notes,
        script=script,
        script_hash=_hash(script),
        publish=publish,
        facts={**study, **(facts or {})},
    )
    size = len(page.encode())
    if size > MAX_BYTES:
        raise ValueError(f"the page would be {size:,} bytes; allowed are {MAX_BYTES:,}")
    write_text(out, page)
    return [figure.drawing for section in shown for figure in section.figures]


def _verdicts(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**verdict, "interval": _interval(verdict)} for verdict in results["verdicts"]]


def _interval(verdict: Mapping[str, Any]) -> str:
    """The interval that the verdict goes by, in words; empty where there is none."""
    if verdict["low"] is None:
        return ""
    unit = "%" if verdict["id"] in _SHARES else " points"
    low, high = (f"{100 * verdict[end]:+.1f}" for end in ("low", "high"))
    return f"95% {verdict['kind'].replace('_', ' ')}: {low} to {high}{unit}"


def _lead(verdicts: Sequence[dict[str, Any]]) -> Mapping[str, Any] | None:
    """The verdict that opens the page."""
    return next((verdict for verdict in verdicts if verdict["id"] == "spread"), verdicts[0] if verdicts else None)


def _script() -> Markup:
    return Markup(files("beneficent.report").joinpath("templates", "filter.js").read_text("utf-8"))


def _hash(script: str) -> str:
    """The source expression of a Content-Security-Policy that allows exactly this script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
