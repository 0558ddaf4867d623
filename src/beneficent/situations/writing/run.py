"""One run of writing: attempts in waves until there are enough situations, each decided, and all of it resumable.

A wave is as large as what is still missing, so that every plan knows the scenes that were let in before it. What a
run asks depends on its order, on what was there when it began (kept in ``writing/<run>.json``) and on the model's
replies (kept in ``writing/answers``): killed and started again, it comes to the same place without asking twice.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from beneficent.core.asking import Asker, Calling, Tally
from beneficent.core.errors import CorruptFileError, DataError
from beneficent.core.files import naming_file, read_json, write_json, write_text
from beneficent.core.locks import folder_lock
from beneficent.situations.audit import audit
from beneficent.situations.audit.rubrics import Score
from beneficent.situations.loading import read_cell, read_library
from beneficent.situations.types import WrittenSituation
from beneficent.situations.writing.candidate import Candidate
from beneficent.situations.writing.cell_file import with_entry
from beneficent.situations.writing.gate import cell_files, turned_away
from beneficent.situations.writing.order import Order, draw_slot
from beneficent.situations.writing.stages import Stopped, Writer

MOST_AT_ONCE = 10
"""Attempts of one wave; a plan of more scenes than that is longer than a reply."""
_WORDS_OF_A_SCENE = 40
_OF_THE_MODEL = ("off-form", "malformed", "refused", "truncated")
"""Failures that belong to an attempt; all others are of the connection, and no further wave would fare better."""


@dataclass(slots=True)
class Account:
    """What a run came to."""

    file: Path
    wanted: int
    attempts: int = 0
    accepted: list[str] = field(default_factory=list)
    """Ids, in the order they were let in."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Complete drafts turned away, by the check that did."""
    failed: Counter[str] = field(default_factory=Counter)
    """Attempts that ended in a failed call, by its reason."""
    cut_off: bool = False
    """Whether it ended because no call of a whole wave got through; the attempts that are left can still be made."""
    tally: Tally = field(default_factory=Tally)

    @property
    def complete(self) -> bool:
        return len(self.accepted) >= self.wanted


def write(order: Order, calling: Calling, score: Score, say: Callable[[str], None]) -> Account:
    """Write situations until the order is met or its attempts are used up.

    Args:
        calling: how the model is called; answers and the log of calls are kept in ``<out>/writing``.
        score: the project's rubric arithmetic, ``beneficent.grading.rubric.score_points``.
        say: told a line about each attempt as it is decided. It may quote what a model wrote.

    Raises:
        MissingExtraError: the extra ``api`` is not installed.
        FolderInUseError: another process writes into the same folder.
        DataError: the folder has situations with errors, or its file cannot be added to.
        BeneficentError: the model cannot be asked at all, or a file cannot be read or written.
    """
    folder = order.out / "writing"
    asker = Asker(order.model, replace(calling, folder=folder))
    with folder_lock(folder):
        there = _there(order, score)
        start = _begin(order, folder, there)
        others = [written for written in there if written.id in start.ids]
        run = _Run(order, Writer(asker, order, start.scenes, others, score), start, score, say)
        run.account.tally = asker.tally
        while run.goes_on():
            run.wave()
    return run.account


@dataclass(frozen=True, slots=True)
class _Start:
    """What was there when the run began."""

    ids: frozenset[str]
    scenes: tuple[str, ...]


def _there(order: Order, score: Score) -> list[WrittenSituation]:
    """What must not be repeated, by id: the library, of which a faulty part is let pass, and the folder to add to."""
    there = {written.id: written for written in read_library(order.library).situations}
    if any(cell_files(order.out)):
        errors = audit(order.out, score).errors
        if errors:
            raise DataError(f"{order.out}: {errors[0]}; mend it first ('beneficent situations audit' lists all errors)")
        there |= {written.id: written for written in read_library(order.out).situations}
    return list(there.values())


def _begin(order: Order, folder: Path, there: Sequence[WrittenSituation]) -> _Start:
    """The state from which a run goes on, written down when it begins."""
    file = folder / f"{order.key}.json"
    if not file.is_file():
        scenes = [_scene(written) for written in there if written.file == order.cell]
        write_json(file, {"order": order.settings, "ids": sorted(written.id for written in there), "scenes": scenes})
    content = read_json(file)
    try:
        return _Start(frozenset(content["ids"]), tuple(content["scenes"]))
    except (KeyError, TypeError) as error:
        raise CorruptFileError(f"{file} is damaged: it lacks {error}; delete it to begin the run anew") from error


def _scene(written: WrittenSituation) -> str:
    opening = " ".join(written.turns[0].content.split()[:_WORDS_OF_A_SCENE])
    return f"{written.id.rpartition('/')[2]}: {opening} ..."


class _Run:
    def __init__(self, order: Order, writer: Writer, start: _Start, score: Score, say: Callable[[str], None]) -> None:
        self._order = order
        self._writer = writer
        self._start = start
        self._score = score
        self._say = say
        self._file = order.out / order.cell
        self.account = Account(self._file, order.num)

    def goes_on(self) -> bool:
        account = self.account
        return not account.complete and account.attempts < self._order.num_attempts and not account.cut_off

    def wave(self) -> None:
        """As many attempts as situations are missing, each decided in its turn."""
        order, account = self._order, self.account
        missing, left = order.num - len(account.accepted), order.num_attempts - account.attempts
        first = account.attempts + 1
        attempts = range(first, first + min(missing, left, MOST_AT_ONCE))
        outcomes = self._writer.attempt({attempt: draw_slot(order, attempt) for attempt in attempts})
        account.attempts += len(attempts)
        for outcome in outcomes:
            if isinstance(outcome, Stopped):
                self._note_stop(outcome)
            else:
                self._decide(outcome)
        account.cut_off = all(isinstance(one, Stopped) and one.failure.reason not in _OF_THE_MODEL for one in outcomes)

    def _note_stop(self, stopped: Stopped) -> None:
        failure = stopped.failure
        self.account.failed[failure.reason] += 1
        self._say(f"attempt {stopped.attempt}: failed at {stopped.stage}: {failure.reason}: {failure.detail}")
        if stopped.candidate is not None:
            details = {"stage": stopped.stage, "details": [failure.detail], "reply": failure.text}
            self._set_aside(stopped.candidate, failure.reason, details)

    def _decide(self, candidate: Candidate) -> None:
        text = self._text()
        if candidate.id in self._accepted_before(text):
            self._accept(candidate)
            return
        content = with_entry(text, self._order.trait, self._order.domain, candidate.entry(), self._file)
        faults = turned_away(candidate.written(), self._writer.others, self._order.out, content, self._score)
        if faults:
            self.account.rejected[faults[0].check] += 1
            self._say(f"attempt {candidate.attempt}: rejected {candidate.id}: {faults[0].check}: {faults[0].message}")
            self._set_aside(candidate, faults[0].check, {"details": [str(fault) for fault in faults]})
            return
        write_text(self._file, content)
        self._accept(candidate)

    def _accept(self, candidate: Candidate) -> None:
        self._writer.take_in(candidate)
        self.account.accepted.append(candidate.id)
        self._say(f"attempt {candidate.attempt}: accepted {candidate.id}")

    def _text(self) -> str | None:
        if not self._file.exists():
            return None
        with naming_file(self._file):
            return self._file.read_text(encoding="utf-8")

    def _accepted_before(self, text: str | None) -> set[str]:
        """Ids that an earlier, killed start of this run has let in; whoever edited them since, they stay."""
        found, _ = read_cell(self._file, (text or "").encode())
        return {written.id for written in found} - self._start.ids - set(self.account.accepted)

    def _set_aside(self, candidate: Candidate, reason: str, details: dict[str, Any]) -> None:
        file = self._order.out / "rejected" / f"{self._order.key}-{candidate.attempt:03d}.json"
        write_json(file, {"reason": reason, **details, **candidate.record()})
