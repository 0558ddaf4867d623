"""One review of a library: what the page is shown, and what its decisions do to the files and the log."""

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from beneficent.core.errors import BeneficentError, DataError
from beneficent.core.files import write_bytes
from beneficent.core.hashing import file_digest
from beneficent.situations.audit.rubrics import Score
from beneficent.situations.loading import REVIEW
from beneficent.situations.review.blind import BlindScoring
from beneficent.situations.review.editing import change, editable
from beneficent.situations.review.library import CellFile, LibraryFiles
from beneficent.situations.review.log import Decision, Verdicts, What, append, content_digest, now, read_log
from beneficent.situations.review.progress import Standing, State, count_cells, has_words, standing, standings
from beneficent.situations.review.values import is_message
from beneficent.situations.selection import Selection
from beneficent.situations.types import Tags, WrittenSituation

MOST_SIGNS_OF_A_REASON = 2000


class ConflictError(BeneficentError):
    """A file is no longer what the reviewer saw; nothing was written."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Who decides, and on which state of the file."""

    session: str
    role: str
    """``human:<role>``."""
    digest: str
    """Of the file, as it was when the situation was shown."""


class LibraryReview:
    """Every public method may be called from several threads.

    Args:
        library: a folder of ``<domain>/<trait>.yaml``, any part of one, or one such file.
        log: the review log; by default ``<library>.review.jsonl`` beside the library's folder.
        score: the project's rubric arithmetic, ``beneficent.grading.rubric.score_points``.

    Raises:
        DataError: there is no situation file.
        BeneficentError: a file cannot be read.
    """

    def __init__(self, library: Path, log: Path | None, score: Score) -> None:
        self.files = LibraryFiles(library)
        root = self.files.root
        self.log = log or root.with_name(f"{root.name}.review.jsonl")
        self._score = score
        self._blind = BlindScoring(score)
        self._lock = threading.Lock()
        read_log(self.log)

    def overview(self, selection: Selection, state: State | None, words: str) -> dict[str, Any]:
        """The situations that a filter takes, and how far the whole library is.

        Raises:
            BeneficentError: a file or the log cannot be read.
        """
        with self._lock:
            cells = self.files.read()
            log = read_log(self.log)
        every = standings((written for cell in cells for written in cell.situations), log.decisions)
        taken = [
            one
            for one in every
            if selection.takes(one.written) and state in (None, one.state) and has_words(one.written, words)
        ]
        faults = [str(fault) for cell in cells for fault in cell.faults]
        faults += [f"{self.log.name}:{line}: this line of the log cannot be read; left out" for line in log.unreadable]
        return {
            "situations": [_row(one) for one in taken],
            "num_situations": len(every),
            "cells": {
                trait: {domain: asdict(counts) for domain, counts in row.items()}
                for trait, row in count_cells(every).items()
            },
            "faults": faults,
        }

    def situation(self, session: str, id: str) -> dict[str, Any]:
        """One situation in full, with the digest of its file; the expected verdicts only once they were scored.

        Raises:
            DataError: there is none.
            BeneficentError: a file or the log cannot be read.
        """
        with self._lock:
            return self._shown(session, id)

    def score(self, seen: Seen, id: str, verdicts: Verdicts) -> dict[str, Any]:
        """Keep blind verdicts on both answers, by the names A and B, and show what was expected.

        Raises:
            ConflictError: the file has changed since.
            DataError: the role or the verdicts are not of the form, or the answers were scored before.
        """
        with self._lock:
            _, written = self._unchanged(seen, id)
            given = self._blind.score(seen.session, written, verdicts)
            self._note(seen, written, "scored", verdicts=given)
            return self._shown(seen.session, id)

    def accept(self, seen: Seen, id: str) -> dict[str, Any]:
        """Set ``review`` to the reviewer's role.

        Raises:
            ConflictError: the file has changed since.
            DataError: the role is not of the form.
        """
        with self._lock:
            return self._decide(seen, id, "accepted", review=seen.role)

    def reject(self, seen: Seen, id: str, reason: str) -> dict[str, Any]:
        """Set ``review`` to ``none``, and keep the reason in the log.

        Raises:
            ConflictError: the file has changed since.
            DataError: the role is not of the form, or there is no reason.
        """
        reason = reason.strip()
        if not 0 < len(reason) <= MOST_SIGNS_OF_A_REASON:
            raise DataError(f"the reason has {len(reason)} signs; allowed are 1 to {MOST_SIGNS_OF_A_REASON:,}")
        with self._lock:
            return self._decide(seen, id, "rejected", review="none", reason=reason)

    def edit(self, seen: Seen, id: str, changes: Mapping[str, str]) -> dict[str, Any]:
        """Change values; ``review`` goes back to ``none``, because nobody has accepted this text yet.

        Raises:
            ConflictError: the file has changed since.
            DataError: the role is not of the form, nothing differs, or a rule would be broken.
        """
        with self._lock:
            return self._decide(seen, id, "edited", review="none", changes=changes)

    def _decide(
        self,
        seen: Seen,
        id: str,
        decision: What,
        review: str,
        reason: str = "",
        changes: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        cell, written = self._unchanged(seen, id)
        new = change(cell.path, cell.data, id, changes or {}, review, self._score)
        if decision == "edited" and not new.changed:
            raise DataError(f"{id}: no value differs from the file, so there is nothing to write")
        given = self._blind.given(seen.session, written)
        self._write(cell, new.data)
        _, written = self.files.find(id)
        try:
            self._note(seen, written, decision, reason, given, new.changed)
        except BeneficentError as error:
            raise BeneficentError(f"{written.file} was written, but the review log was not: {error}") from error
        return {**self._shown(seen.session, id), "warnings": list(new.warnings)}

    def _unchanged(self, seen: Seen, id: str) -> tuple[CellFile, WrittenSituation]:
        if not (seen.role.startswith("human:") and REVIEW.fullmatch(seen.role)):
            raise DataError(f"role is {seen.role!r}; allowed is human:<role>, the role of a-z, spaces and hyphens")
        cell, written = self.files.find(id)
        if cell.digest != seen.digest:
            raise _conflict(cell)
        return cell, written

    def _write(self, cell: CellFile, data: bytes) -> None:
        # Read once more right before the rename: what another program wrote during the checks is kept.
        if file_digest(cell.path) != cell.digest:
            raise _conflict(cell)
        if data != cell.data:
            write_bytes(cell.path, data)

    def _note(
        self,
        seen: Seen,
        written: WrittenSituation,
        decision: What,
        reason: str = "",
        verdicts: Verdicts | None = None,
        changed: tuple[str, ...] = (),
    ) -> None:
        content = content_digest(written)
        append(self.log, Decision(now(), written.id, content, seen.role, decision, reason, verdicts, changed))

    def _shown(self, session: str, id: str) -> dict[str, Any]:
        cell, written = self.files.find(id)
        decisions = [decision for decision in read_log(self.log).decisions if decision.situation == id]
        one = standing(written, decisions)
        situation = written.situation
        return {
            **_row(one),
            "digest": cell.digest,
            "content": content_digest(written),
            "place": f"{written.file}:{written.line}",
            "author": written.author,
            "review": written.review,
            "tags": asdict(written.tags),
            "messages": [asdict(message) for message in situation.messages],
            "rubric": [{"id": c.id, "points": c.points, "text": c.text} for c in situation.rubric],
            "blind": self._blind.shown(session, written),
            "fields": _fields(written),
            # Without the verdicts: they would tell the answers apart before this reviewer has scored them.
            "decisions": [{key: getattr(d, key) for key in ("time", "role", "decision", "reason")} for d in decisions],
        }


def _conflict(cell: CellFile) -> ConflictError:
    name = "/".join(cell.path.parts[-2:])
    return ConflictError(
        f"{name} was changed by another program since you opened this situation. Nothing was written, and what you "
        "typed is still here: load the file as it is now, compare, and do it again"
    )


def _row(one: Standing) -> dict[str, Any]:
    situation = one.written.situation
    return {
        "id": one.written.id,
        "trait": situation.trait,
        "domain": situation.domain,
        "split": situation.split,
        "state": one.state,
        "read": one.is_read,
    }


def _fields(written: WrittenSituation) -> list[dict[str, Any]]:
    """What may be changed: key, value, the values allowed (empty for free text), whether it may be long."""
    choices = {f"tags.{name}": get_args(kind) for name, kind in get_type_hints(Tags).items()}
    criteria = {f"rubric[{place}].text": c.id for place, c in enumerate(written.situation.rubric, start=1)}
    return [
        {
            "key": key,
            "value": value,
            "allowed": list(choices.get(key, ())),
            "long": is_message(key) or key in criteria,
            "about": criteria.get(key, ""),
        }
        for key, value in editable(written).items()
    ]
