"""Checks of a situation library that need no judge: form, arithmetic, repetition, balance.

What no program here can tell: whether facts are right, whether a criterion is judged alike by two readers, whether two
scenes that share no words are the same scene. That takes readers; ``review`` says who has read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from beneficent.core.files import naming_file
from beneficent.situations.audit.balance import check_balance, check_splits, check_tags
from beneficent.situations.audit.rubrics import Score, check_rubrics
from beneficent.situations.audit.similarity import check_benchmarks, check_duplicates
from beneficent.situations.audit.wording import check_leakage, check_lengths, check_repetition
from beneficent.situations.definitions import HEADER
from beneficent.situations.findings import Finding
from beneficent.situations.loading import read_library
from beneficent.situations.types import WrittenSituation

MOST_COLUMNS = 120

_CHECKS: tuple[Callable[[Sequence[WrittenSituation]], list[Finding]], ...] = (
    check_lengths,
    check_leakage,
    check_repetition,
    check_tags,
    check_splits,
    check_duplicates,
    check_balance,
)


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit read and found; ``situations`` counts those without schema errors."""

    num_files: int
    num_situations: int
    num_calibrated: int
    num_benchmark_texts: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level == "error")

    @property
    def passes(self) -> bool:
        """No errors; warnings are allowed."""
        return not self.errors


def audit(library: Path, score: Score, against: Sequence[Path] = ()) -> Report:
    """Check a library, or any part of one: a folder of ``<domain>/<trait>.yaml``, or one such file.

    Args:
        library: what to read.
        score: the project's rubric arithmetic, ``beneficent.grading.rubric.score_points``. It is handed in because
            grading is built on situations, not the other way round.
        against: benchmark items that must not be in the library: ``.jsonl`` files, or folders of them.

    Raises:
        DataError: no situations, or a line of a benchmark file is not JSON.
        BeneficentError: a file cannot be read.
    """
    reading = read_library(library)
    situations = reading.situations
    findings = list(reading.findings)
    for file in reading.files:
        findings += _check_layout(file)
    findings += check_rubrics(situations, score)
    for check in _CHECKS:
        findings += check(situations)
    num_texts, contaminated = check_benchmarks(situations, against)
    findings += contaminated
    return Report(
        num_files=len(reading.files),
        num_situations=len(situations),
        num_calibrated=sum(written.calibration is not None for written in situations),
        num_benchmark_texts=num_texts,
        findings=tuple(sorted(findings, key=lambda f: (not f.file, f.file, f.line, f.level, f.check, f.message))),
    )


def _check_layout(path: Path) -> list[Finding]:
    """Tabs and long lines: an editor shows them badly, and a tab in a literal block is part of the text."""
    file = "/".join(path.resolve().parts[-2:])
    with naming_file(path):
        lines = path.read_bytes().decode("utf-8", errors="replace").split("\n")
    findings = []
    for number, line in enumerate(lines, start=1):
        if "\t" in line:
            findings.append(Finding(file, number, "layout", "the line has a tab; allowed are spaces"))
        if len(line) > MOST_COLUMNS and line != HEADER:
            message = f"the line has {len(line)} signs; allowed are {MOST_COLUMNS}"
            findings.append(Finding(file, number, "layout", message))
    return findings
