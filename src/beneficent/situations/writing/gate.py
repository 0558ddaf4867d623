"""What decides over a candidate: the audit of the folder with it in, and its likeness to everything written before."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from beneficent.situations.audit import audit
from beneficent.situations.audit.rubrics import Score, check_rubrics
from beneficent.situations.audit.similarity import check_duplicates
from beneficent.situations.audit.wording import check_leakage, check_lengths, check_repetition
from beneficent.situations.findings import Finding
from beneficent.situations.types import WrittenSituation

_TURNED_AWAY = ("scene",)
"""Warnings of the audit that turn a candidate away: a reader can keep two scenes apart, a program cannot."""


def faults_of_messages(
    candidates: Sequence[WrittenSituation], others: Sequence[WrittenSituation]
) -> dict[str, list[Finding]]:
    """By id what the audit says of the messages of candidates that stand behind ``others``; warnings too."""
    findings = [*check_lengths(candidates), *check_leakage(candidates), *_repeats([*others, *candidates])]
    return {written.id: [one for one in findings if one.situation == written.id] for written in candidates}


def faults_of_rubric(candidate: WrittenSituation, score: Score) -> list[Finding]:
    """What is wrong with its rubric, and with its pair of answers if it has one; errors only."""
    findings = check_rubrics([candidate], score)
    return [one for one in findings if one.level == "error" and one.situation == candidate.id]


def turned_away(
    candidate: WrittenSituation, others: Sequence[WrittenSituation], out: Path, content: str, score: Score
) -> list[Finding]:
    """Why a candidate cannot be let in; empty if it can.

    Args:
        others: everything it must not repeat.
        out: the folder it is to be added to, which passes the audit as it is.
        content: of its file there, with it in.

    Raises:
        BeneficentError: a file cannot be read, or written to the temporary folder.
    """
    repeated = [
        finding
        for finding in _repeats([*others, candidate])
        if finding.situation == candidate.id and (finding.level == "error" or finding.check in _TURNED_AWAY)
    ]
    return list(dict.fromkeys([*_audited(out, candidate.file, content, score), *repeated]))


def cell_files(out: Path) -> list[Path]:
    """The situation files of a folder, and nothing else that lies in it."""
    return sorted(out.glob("*/*.yaml"))


def _audited(out: Path, cell: str, content: str, score: Score) -> list[Finding]:
    """The errors of the folder with one file's content changed, found in a copy of it."""
    with TemporaryDirectory() as scratch:
        for file in cell_files(out):
            place = Path(scratch) / file.relative_to(out)
            place.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, place)
        place = Path(scratch) / cell
        place.parent.mkdir(exist_ok=True)
        place.write_text(content, encoding="utf-8")
        return list(audit(Path(scratch), score).errors)


def _repeats(situations: Sequence[WrittenSituation]) -> list[Finding]:
    return [*check_repetition(situations), *check_duplicates(situations)]
