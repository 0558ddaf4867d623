"""Changing values of a situation, under the rules of the loader and of the audit."""

import tempfile
import textwrap
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from beneficent.core.errors import DataError
from beneficent.core.files import write_bytes
from beneficent.situations.audit import audit
from beneficent.situations.audit.rubrics import Score
from beneficent.situations.findings import Finding
from beneficent.situations.loading import read_cell
from beneficent.situations.review.values import is_message, with_values
from beneficent.situations.types import WrittenSituation

MOST_COLUMNS_OF_A_MESSAGE = 110
"""Longer lines that were typed into a message are wrapped: 120 less the indentation of a turn."""
_NOT_IN_YAML = "\x85\u2028\u2029\ufeff"


@dataclass(frozen=True, slots=True)
class Change:
    """The new content of a file, what differs in it, and what the audit remarks on it that it did not remark before."""

    data: bytes
    changed: tuple[str, ...]
    """Keys of the values that differ now."""
    warnings: tuple[str, ...]


def editable(written: WrittenSituation) -> dict[str, str]:
    """What a reviewer may change, as text by key; the keys are those of error messages.

    ``system``, ``messages[1].user`` and so on, ``rubric[1].points``, ``rubric[1].text``, ``tags.pressure`` and so on.
    """
    system = {"system": written.situation.messages[0].content} if written.has_system else {}
    turns = {f"messages[{place}].{turn.role}": turn.content for place, turn in enumerate(written.turns, start=1)}
    rubric = {}
    for place, criterion in enumerate(written.situation.rubric, start=1):
        rubric[f"rubric[{place}].points"] = _as_points(criterion.points)
        rubric[f"rubric[{place}].text"] = criterion.text
    return {**system, **turns, **rubric, **{f"tags.{name}": value for name, value in asdict(written.tags).items()}}


def change(path: Path, data: bytes, id: str, changes: Mapping[str, str], review: str | None, score: Score) -> Change:
    """The content of a file with values of one of its situations changed, checked as the loader and the audit do.

    Args:
        path: where the file belongs; nothing is written there.
        data: its content.
        changes: new values by key, as ``editable`` names them.
        review: the new ``review``; None leaves it.
        score: the project's rubric arithmetic, for the audit.

    Raises:
        DataError: a key cannot be edited, or the file would break a rule that it keeps now; the message names the key
            and the line.
    """
    before, _ = read_cell(path, data)
    old = next(written for written in before if written.id == id)
    current = editable(old)
    for key in changes:
        if key not in current:
            raise DataError(f"{id}: {key} cannot be edited here; allowed: {', '.join(current)}")
    wanted = {key: _normalised(key, value, current[key]) for key, value in changes.items()}
    for key, value in wanted.items():
        _check_signs(f"{id}: {key}", value)
    wanted = {key: value for key, value in wanted.items() if value != current[key]}
    changed = tuple(wanted)
    if review is not None and review != old.review:
        wanted["review"] = review
    if not wanted:
        return Change(data, (), ())
    new = with_values(data.decode("utf-8"), id, wanted).encode("utf-8")
    warnings = _check_rules(path, data, new, score)
    _check_only_these_changed(before, read_cell(path, new)[0], id, wanted)
    return Change(new, changed, warnings)


def _check_signs(where: str, value: str) -> None:
    """Refuse control signs, halves of signs, and what YAML takes for line ends; a tab is the audit's business."""
    for sign in value:
        if sign in _NOT_IN_YAML or (unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\n\t"):
            raise DataError(f"{where} has the sign U+{ord(sign):04X}, which a YAML text cannot hold as it is")


def _as_points(points: float) -> str:
    return str(int(points)) if points.is_integer() else repr(points)


def _normalised(key: str, value: str, old: str) -> str:
    """A value as the loader would give it back; new long lines of a message wrapped, any other text on one line."""
    if is_message(key):
        lines = [line.rstrip() for line in value.replace("\r\n", "\n").split("\n")]
        fitting = set(old.split("\n"))
        return "\n".join(line if line in fitting else _wrapped(line) for line in lines).strip("\n")
    value = " ".join(value.split())
    if key.endswith(".points"):
        try:
            return _as_points(float(value))
        except ValueError:
            return value  # the loader says what is wrong with it
    return value


def _wrapped(line: str) -> str:
    if len(line) <= MOST_COLUMNS_OF_A_MESSAGE:
        return line
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line,
        MOST_COLUMNS_OF_A_MESSAGE,
        subsequent_indent=indent,
        expand_tabs=False,
        replace_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _check_rules(path: Path, old: bytes, new: bytes, score: Score) -> tuple[str, ...]:
    """Refuse new content that breaks a rule which the old one kept; gives the audit's new warnings."""
    had = Counter(map(_without_line, _audited(path, old, score)))
    fresh = []
    for finding in _audited(path, new, score):
        if had[_without_line(finding)]:
            had[_without_line(finding)] -= 1
        else:
            fresh.append(finding)
    errors = [finding for finding in fresh if finding.level == "error"]
    # A situation that cannot be read is left out of the other checks, so what they say then is only its echo.
    told = [error for error in errors if error.check == "schema"] or errors
    if told:
        raise DataError("; ".join(map(str, told)))
    return tuple(str(finding) for finding in fresh)


def _without_line(finding: Finding) -> tuple[str, str, str]:
    return finding.situation, finding.check, finding.message


def _audited(path: Path, data: bytes, score: Score) -> tuple[Finding, ...]:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, *path.parts[-2:])
        write_bytes(copy, data)
        return audit(copy, score).findings


def _check_only_these_changed(
    before: list[WrittenSituation], after: list[WrittenSituation], id: str, changes: Mapping[str, str]
) -> None:
    """Refuse what would read back otherwise, such as signs that YAML takes for line ends."""
    old = {written.id: written for written in before}
    new = {written.id: written for written in after}
    for key, value in changes.items():
        read = new[id].review if key == "review" else editable(new[id])[key]
        if read != value:
            raise DataError(f"{id}: {key} would be read back as {read[:60]!r}; it has signs that YAML does not keep")
    kept = replace(new[id], situation=old[id].situation, tags=old[id].tags, review=old[id].review, line=old[id].line)
    others = {key: value for key, value in editable(new[id]).items() if key not in changes}
    same = kept == old[id] and others == {key: editable(old[id])[key] for key in others}
    for written in before:
        if written.id != id:
            same = same and replace(new[written.id], line=written.line) == written
    if not same:
        raise DataError(f"{id}: writing {', '.join(changes)} would change other values of the file too")
