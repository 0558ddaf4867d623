"""How situations, audits and counts are shown: for people, or as JSON. Nothing in a text is read as markup."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from beneficent.cli.display import answer_console, as_rich, harmless
from beneficent.grading.rubric import score_points
from beneficent.situations.audit import Report
from beneficent.situations.definitions import domains, traits
from beneficent.situations.summary import Summary
from beneficent.situations.types import WrittenSituation

if TYPE_CHECKING:
    from beneficent.situations.export import Exported

_STYLES = {"error": "red", "warning": "yellow"}


def print_report(report: Report, as_json: bool) -> None:
    """Every finding on a line, then what was read and whether it passes."""
    if as_json:
        counts = {
            "files": report.num_files,
            "situations": report.num_situations,
            "calibrated": report.num_calibrated,
            "benchmark_texts": report.num_benchmark_texts,
        }
        findings = [asdict(finding) for finding in report.findings]
        print(json.dumps({"passes": report.passes, **counts, "findings": findings}))
        return
    console = answer_console()
    for finding in report.findings:
        console.print(Text(harmless(str(finding)), style=_STYLES[finding.level]), soft_wrap=True)
    num_errors = len(report.errors)
    against = f", against {report.num_benchmark_texts:,} benchmark texts" if report.num_benchmark_texts else ""
    console.print(
        Text(
            f"{report.num_situations:,} situations in {report.num_files} files, {report.num_calibrated:,} of them with "
            f"calibration answers{against}: {num_errors} errors, {len(report.findings) - num_errors} warnings"
        ),
        soft_wrap=True,
    )


def print_list(situations: Sequence[WrittenSituation], as_json: bool) -> None:
    """One row for each situation."""
    rows = [_row(written) for written in situations]
    if as_json:
        print(json.dumps(rows))
        return
    console = answer_console()
    if rows:
        columns = tuple(key.replace("_", " ") for key in rows[0])
        console.print(_table(columns, [[_cell(value) for value in row.values()] for row in rows]))
    console.print(Text(f"{len(rows):,} situations"))


def _row(written: WrittenSituation) -> dict[str, Any]:
    return {
        "id": written.id,
        "split": written.situation.split,
        "turns": len(written.turns),
        "words": written.num_words,
        "stakes": written.tags.stakes,
        "hard": written.tags.hard,
        "pressure": written.tags.pressure,
        "review": written.review,
        "calibrated": written.calibration is not None,
    }


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of texts from the left; ids are folded, never cut, so that they can be copied."""
    table = Table()
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text(harmless(cell)) for cell in row))
    return table


def _cell(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def print_situation(written: WrittenSituation, as_json: bool) -> None:
    """Messages, rubric, and the calibration answers with their verdicts and scores."""
    if as_json:
        situation = {
            **asdict(written),
            "situation": {**asdict(written.situation), "tags": sorted(written.situation.tags)},
        }
        print(json.dumps(situation))
        return
    console = answer_console()
    tags = ", ".join(f"{key} {value}" for key, value in asdict(written.tags).items())
    about = f"{written.situation.split}; {tags}; author {written.author}; review {written.review}"
    console.print(Text(harmless(written.id), style="bold"))
    console.print(Text(harmless(f"{about}; {written.file}:{written.line}")), soft_wrap=True)
    for message in written.situation.messages:
        _print_text(console, message.role, message.content)
    rubric, pair = written.situation.rubric, written.calibration
    columns = ("criterion", "points", "text") + (() if pair is None else ("good", "failing"))
    rows = []
    for place, criterion in enumerate(rubric):
        verdicts = [] if pair is None else [_cell(pair.good.met[place]), _cell(pair.failing.met[place])]
        rows.append([criterion.id, f"{criterion.points:+g}", criterion.text, *verdicts])
    console.print()
    console.print(_table(columns, rows))
    if pair is not None:
        for name, answer in (("good", pair.good), ("failing", pair.failing)):
            _print_text(console, f"{name} answer, score {score_points(rubric, answer.met):.2f}", answer.text)


def _print_text(console: Console, title: str, text: str) -> None:
    console.print(Rule(Text(title), align="left"))
    console.print(Text(harmless(text)), soft_wrap=True)


def print_summary(summary: Summary, as_json: bool) -> None:
    """Counts by trait and domain, shares, test situations and lengths."""
    if as_json:
        print(json.dumps(_summary_json(summary)))
        return
    console = answer_console()
    console.print(_cells_table(summary))
    shares = [
        [share.name, str(share.count), "-" if share.value is None else f"{share.value:.0%}", f"{share.wanted:.0%}"]
        for share in summary.shares
    ]
    console.print(
        as_rich(f"Shares of {summary.num_situations:,}", ("situations with", "count", "share", "wanted"), shares)
    )
    held_out = [[trait, str(test), str(health)] for trait, (test, health) in summary.held_out.items()]
    console.print(as_rich("Held out (split test)", ("trait", "situations", "of health"), held_out))
    reviews = ", ".join(f"{state} {count:,}" for state, count in sorted(summary.by_review.items()))
    lines = [f"with calibration answers: {summary.num_calibrated:,}", f"review: {reviews or '-'}"]
    if summary.words:
        lines.append("words of the messages (least, quartiles, most): " + ", ".join(map(str, summary.words)))
    for line in lines:
        console.print(Text(harmless(line)), soft_wrap=True)


def _cells_table(summary: Summary) -> Table:
    """Situations by trait and domain; the box is slim, because twelve domains are wide."""
    table = Table(title="Situations", title_justify="left", box=box.SIMPLE, pad_edge=False)
    table.add_column("trait", no_wrap=True)
    for column in (*domains(), "all"):
        table.add_column(column, justify="right")
    for trait in traits():
        counts = [summary.cells[trait, domain] for domain in domains()]
        table.add_row(trait, *map(str, counts), str(sum(counts)))
    totals = [sum(summary.cells[trait, domain] for trait in traits()) for domain in domains()]
    table.add_row("all", *map(str, totals), str(sum(totals)))
    return table


def _summary_json(summary: Summary) -> dict[str, Any]:
    cells: dict[str, dict[str, int]] = {trait: {} for trait in traits()}
    for (trait, domain), count in summary.cells.items():
        cells[trait][domain] = count
    held_out = {trait: {"test": test, "health": health} for trait, (test, health) in summary.held_out.items()}
    return {**asdict(summary), "cells": cells, "held_out": held_out}


def print_exported(exported: "Exported", as_json: bool) -> None:
    """What an export wrote, and where."""
    if as_json:
        print(json.dumps({**asdict(exported), "folder": str(exported.folder)}))
        return
    counts = ", ".join(f"{split} {count:,}" for split, count in exported.counts.items())
    lines = [f"{exported.folder}: {sum(exported.counts.values()):,} situations ({counts})"]
    console = answer_console()
    for line in (*lines, *(f"  {name}" for name in exported.files)):
        console.print(Text(harmless(line)), soft_wrap=True)
