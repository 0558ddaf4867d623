"""What a table is, and how one number is printed in it; ``UNKNOWN`` where there is none."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

UNKNOWN = "-"

Results = Mapping[str, Any]


class Table(NamedTuple):
    """``rows`` have one text a column; the first column names the row, the others are best set right-aligned."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def points(value: float | None) -> str:
    """A difference of scores in points of 100."""
    return UNKNOWN if value is None else f"{100 * value:+.1f}"


def interval(summary: Mapping[str, Any] | None, kind: str) -> str:
    """An interval in points, ``-`` where it is not given."""
    if summary is None or summary[kind]["low"] is None:
        return UNKNOWN
    return f"{points(summary[kind]['low'])} to {points(summary[kind]['high'])}"


def means(summary: Mapping[str, Any]) -> tuple[str, str, str]:
    """Mean difference and both intervals."""
    return points(summary["difference"]), interval(summary, "these_models"), interval(summary, "this_method")


def tested(significant: Mapping[str, Any], side: str) -> str:
    """A count of significant benchmarks, ``-`` where none was tested."""
    return str(significant[side]) if significant["tested"] else UNKNOWN


def gate(part: Mapping[str, Any], key: str, form: str) -> str:
    """One part of the gate on a control's reward, or why it was not computed."""
    if part.get(key) is None:
        return part["reason"] or UNKNOWN
    return form.format(part[key]) + {True: " holds", False: " fails", None: ""}[part["holds"]]


def score(value: float | None) -> str:
    """A score in 0..1."""
    return UNKNOWN if value is None else f"{value:.3f}"


def share(value: float | None) -> str:
    """A share in percent."""
    return UNKNOWN if value is None else f"{value:.1%}"


def number(value: float | None, digits: int = 1) -> str:
    """A plain number."""
    return UNKNOWN if value is None else f"{value:.{digits}f}"


def ratio(part: float | None, whole: float | None) -> str:
    """A part of a whole in percent."""
    return UNKNOWN if part is None or not whole else f"{part / whole:.0%}"


def p_value(value: float | None) -> str:
    """A p or q value."""
    return UNKNOWN if value is None else (f"{value:.3f}" if value >= 0.001 else "< 0.001")


def mean(values: Sequence[float | None]) -> float | None:
    """Mean, or ``None`` if any part is missing."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
