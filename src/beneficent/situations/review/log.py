"""The review log: one JSON line for each decision, only ever added to."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from beneficent.core.files import naming_file
from beneficent.core.hashing import digest
from beneficent.situations.types import WrittenSituation

What = Literal["scored", "edited", "accepted", "rejected"]
Verdicts = Mapping[str, Mapping[str, bool]]
"""By answer (``good``, ``failing``) and criterion id."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What one person decided about one situation, as one line of the log."""

    time: str
    """UTC, ISO 8601."""
    situation: str
    content: str
    """Digest of the situation as it was then (after the edit, for ``edited``): ``content_digest``."""
    role: str
    """``human:<role>``."""
    decision: What
    reason: str = ""
    verdicts: Verdicts | None = None
    """What the reviewer marked before the expected verdicts were shown; None if the answers were not scored."""
    changed: tuple[str, ...] = ()
    """Keys of the values that an edit changed."""


@dataclass(frozen=True, slots=True)
class LogReading:
    """The decisions of a log, oldest first, and the numbers of the lines that could not be read."""

    decisions: tuple[Decision, ...]
    unreadable: tuple[int, ...]


_LINE = TypeAdapter(Decision)


def content_digest(written: WrittenSituation) -> str:
    """Digest of everything of a situation but its review state and its place in the file."""
    values = asdict(written)
    for key in ("review", "file", "line"):
        del values[key]
    values["situation"]["tags"] = sorted(written.situation.tags)
    return digest(values)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_log(path: Path) -> LogReading:
    """All decisions; a log that is not there has none.

    A line that cannot be read, such as the half of one that a killed process left, is counted and left out.

    Raises:
        BeneficentError: the file cannot be read.
    """
    if not path.exists():
        return LogReading((), ())
    with naming_file(path):
        data = path.read_bytes()
    decisions, unreadable = [], []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            decisions.append(_LINE.validate_json(line))
        except ValidationError:
            unreadable.append(number)
    return LogReading(tuple(decisions), tuple(unreadable))


def append(path: Path, decision: Decision) -> None:
    """Add one line; behind half a line that a killed process left, on a line of its own.

    Raises:
        BeneficentError: the file cannot be written.
    """
    line = json.dumps(asdict(decision), ensure_ascii=False) + "\n"
    with naming_file(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                line = line if file.read() == b"\n" else "\n" + line
            file.write(line.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
