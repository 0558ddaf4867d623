"""How a run is shown: bars in a terminal, one line a step elsewhere, JSON lines for machines; and how an answer is."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from beneficent.study.events import (
    Event,
    Listener,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepProgress,
    StepStarted,
)

_WIDTH_ELSEWHERE = 160
"""Columns of a table that goes to a file or a pipe."""


@contextmanager
def show_run(as_json: bool) -> Iterator[Listener]:
    """A listener that shows events on standard output, in the way that suits it."""
    if as_json:
        yield _print_json
    elif sys.stdout.isatty():
        with bars() as progress:
            yield LiveRun(progress).listen
    else:
        yield _print_line


def _print_json(event: Event) -> None:
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
    print(json.dumps({"event": name, **asdict(event)}), flush=True)


def _print_line(event: Event) -> None:
    line = as_line(event)
    if line is not None:
        print(harmless(line), flush=True)


def as_line(event: Event) -> str | None:
    """One line for an event that is worth one where nothing can be drawn over; None for the others."""
    match event:
        case RunStarted():
            begun = f", {event.num_done} of them done" if event.num_done else ""
            return f"{event.folder}: {event.num_steps} steps{begun}, {event.num_workers} workers"
        case StepFinished():
            return f"done {event.step} ({event.seconds:.1f} s){f': {event.summary}' if event.summary else ''}"
        case StepFailed():
            return f"failed {event.step}: {event.reason}"
        case RunFinished():
            return f"finished in {event.seconds:.1f} s"
        case _:
            return None


class LiveRun:
    """Bars: one for the whole run and one for every step that is being done."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}
        self._whole: TaskID | None = None

    def listen(self, event: Event) -> None:
        """Show one event."""
        match event:
            case RunStarted():
                self._whole = self._progress.add_task(
                    "all steps", total=event.num_steps, completed=event.num_done, note=""
                )
            case StepStarted():
                self._bars[event.step] = self._progress.add_task(event.step, total=event.total or None, note="")
            case StepProgress():
                if event.step in self._bars:
                    note = rewards(event)
                    self._progress.update(self._bars[event.step], total=event.total, completed=event.done, note=note)
            case StepFinished() | StepFailed():
                if event.step in self._bars:
                    self._progress.remove_task(self._bars.pop(event.step))
                if self._whole is not None and isinstance(event, StepFinished):
                    self._progress.advance(self._whole)
                self._progress.console.print(Text(harmless(as_line(event) or "")), soft_wrap=True)
            case RunFinished():
                self._progress.console.print(Text(harmless(as_line(event) or "")), soft_wrap=True)


def rewards(event: StepProgress) -> str:
    """The latest rewards as short text: ``reward 0.62, trait 0.41``."""
    named = {"reward": event.reward_standard, "trait": event.reward_trait}
    return ", ".join(f"{name} {value:.2f}" for name, value in named.items() if value is not None)


def bars(console: Console | None = None) -> Progress:
    """What a terminal shows of every step: its name (arm and seed), how far it is, the time left, the rewards."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        transient=True,
        console=console,
    )


def print_answer(results: Mapping[str, Any], report: Path, as_json: bool) -> None:
    """The answer of a study: warnings, sentences, tables, and where the report is. For machines, one JSON line."""
    if as_json:
        print(json.dumps({"event": "answer", "report": str(report), "results": results}), flush=True)
        return
    from beneficent.analysis.tables import tables

    console = answer_console()
    for warning in results["warnings"]:
        console.print(Text(f"Note: {warning}", style="yellow"))
    for verdict in results["verdicts"]:
        console.print(Text.assemble((f"{verdict['question']} ", "bold"), f"{verdict['sentence']} ({verdict['label']})"))
    for data in tables(results):
        console.print(as_rich(data.title, data.columns, data.rows))
    console.print(Text(f"Report: {report}"), soft_wrap=True)


def print_counts(counts: Mapping[str, Any], as_json: bool) -> None:
    """What a run would do, by number."""
    if as_json:
        print(json.dumps(counts))
        return
    for key, value in counts.items():
        text = ", ".join(f"{k} {v:,}" for k, v in value.items()) if isinstance(value, dict) else _plain(value)
        print(f"{key.replace('_', ' '):18} {text}")


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def answer_console() -> Console:
    """Standard output; wide where it is no terminal, so that tables keep their lines."""
    return Console() if sys.stdout.isatty() else Console(width=_WIDTH_ELSEWHERE)


def as_rich(title: str, columns: tuple[str, ...], rows: Any) -> Table:
    """A table of texts; nothing in them is read as markup."""
    table = Table(title=Text(title), title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if place == 0 else "right")
    for row in rows:
        table.add_row(*(Text(harmless(cell)) for cell in row))
    return table


def harmless(text: str) -> str:
    """The text without control characters, which a terminal would obey: reasons may quote what a model wrote."""
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)
