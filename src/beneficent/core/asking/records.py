"""What is kept of calls: every answer by the content of its request, and a line a call in a log."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from beneficent.core.asking.types import Failure, Outcome, Reason, Reply, Request, Spent
from beneficent.core.errors import BeneficentError
from beneficent.core.files import naming_file, read_json, write_json

_LASTING = ("refused", "truncated")
"""Failures that are the model's own answer: asked for, paid for, and the same again for the same request."""


@dataclass(frozen=True, slots=True)
class Records:
    """A folder with ``answers/<digest>.json`` and ``calls.jsonl``; several processes may share it."""

    folder: Path

    def recall(self, key: str) -> Outcome | None:
        """The answer kept under a key, or None; a damaged file is as none, so that it is asked for and written anew."""
        path = self._path(key)
        if not path.is_file():
            return None
        try:
            kept = read_json(path)
            spent = Spent(**{**kept["spent"], "cached": True})
            if kept["reason"] in _LASTING:
                return Failure(kept["reason"], str(kept["detail"]), spent, str(kept["text"]))
            return Reply(str(kept["text"]), spent) if kept["reason"] is None else None
        except (BeneficentError, KeyError, TypeError):
            return None

    def keep(self, key: str, outcome: Outcome) -> None:
        """Keep an answer of the model; failures on the way to it are not kept, so that they are tried again.

        Raises:
            BeneficentError: the disk is full or the folder cannot be written.
        """
        reason, detail = _told(outcome)
        if reason is None or reason in _LASTING:
            value = {"reason": reason, "detail": detail, "text": outcome.text, "spent": asdict(outcome.spent)}
            write_json(self._path(key), value)

    def log(self, key: str, model: str, request: Request, outcome: Outcome) -> None:
        """Add a line to ``calls.jsonl``: what for, what came of it, what it took; none of the texts.

        Raises:
            BeneficentError: the disk is full or the folder cannot be written.
        """
        reason, detail = _told(outcome)
        row = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "purpose": request.purpose,
            "model": model,
            "request": key,
            "outcome": reason or "reply",
            "detail": detail,
            **asdict(replace(outcome.spent, seconds=round(outcome.spent.seconds, 3))),
        }
        append_line(self.folder / "calls.jsonl", row)

    def _path(self, key: str) -> Path:
        return self.folder / "answers" / key[:2] / f"{key}.json"


def append_line(path: Path, row: dict[str, Any]) -> None:
    """Add one JSON line to a file, in one write; a line that a power cut left unfinished is ended first.

    Raises:
        BeneficentError: the file cannot be written; the message names it.
    """
    line = json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    with naming_file(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+", buffering=0) as file:
            if file.seek(0, 2):
                file.seek(-1, 2)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)


def _told(outcome: Outcome) -> tuple[Reason | None, str]:
    return (outcome.reason, outcome.detail) if isinstance(outcome, Failure) else (None, "")
