"""Tables that compare arms with the baseline: over all benchmarks, by kind and family, and benchmark by benchmark."""

from collections.abc import Mapping
from typing import Any

from beneficent.analysis.cells import UNKNOWN, Results, Table, interval, p_value, points, score, tested
from beneficent.analysis.sheets import START

SUMMARY_COLUMNS = (
    "benchmarks",
    "ahead",
    "sig. ahead (models)",
    "sig. ahead (method)",
    "tied",
    "behind",
    "sig. behind (models)",
    "sig. behind (method)",
    "mean points",
    "95% these models",
    "95% this method",
)


def summary_cells(summary: Mapping[str, Any]) -> tuple[str, ...]:
    """The cells of ``SUMMARY_COLUMNS`` for one summary."""
    these, method = (summary["significant"][kind] for kind in ("these_models", "this_method"))
    compared = str(summary["compared"])
    if summary["compared"] < summary["benchmarks"]:
        compared += f" of {summary['benchmarks']}"
    return (
        compared,
        str(summary["ahead"]),
        tested(these, "ahead"),
        tested(method, "ahead"),
        str(summary["tied"]),
        str(summary["behind"]),
        tested(these, "behind"),
        tested(method, "behind"),
        points(summary["difference"]),
        interval(summary, "these_models"),
        interval(summary, "this_method"),
    )


def arms_table(results: Results) -> Table:
    """Every arm over all benchmarks, then over those in the trained format and in other formats apart."""
    rows = [
        (named(results, arm) if part == "all" else f"{arm}: {part}", *summary_cells(own["subsets"][part]))
        for arm, own in results["spread"].items()
        for part in ("all", "trained format", "other formats")
        if part == "all" or own["subsets"][part]["benchmarks"]
    ]
    rate = results["settings"]["false_discovery_rate"]
    title = f"The alignment benchmarks, each arm against {results['baseline']} (significant: q < {rate:g})"
    return Table(title, ("arm: formats", *SUMMARY_COLUMNS), rows)


def named(results: Results, arm: str) -> str:
    """The arm's name, with a mark on a control whose reward does not bite: it counts for nothing."""
    control = results["controls"].get(arm)
    return f"{arm} (inert)" if control and control["bites"]["bites"] is False else arm


def subsets_table(results: Results) -> Table:
    rows = [
        (name, *summary_cells(summary))
        for name, summary in results["spread"].get(results["trait_arm"], {"subsets": {}})["subsets"].items()
        if name != "all" and summary["benchmarks"]
    ]
    return Table("The trait arm, kinds of benchmark apart", ("kind", *SUMMARY_COLUMNS), rows)


def families_table(results: Results, arm: str) -> Table:
    own = results["spread"].get(arm, {"families": {}})["families"]
    rows = [(name, *summary_cells(summary)) for name, summary in own.items()]
    return Table(f"The {arm} arm by family", ("family", *SUMMARY_COLUMNS), rows)


def families_by_arm_table(results: Results) -> Table:
    """Every arm by family in one cell each: mean difference, and how many of the compared benchmarks are ahead."""
    spread = results["spread"]
    families = dict.fromkeys(name for own in spread.values() for name in own["families"])
    rows = [(family, *(_ahead(own["families"].get(family)) for own in spread.values())) for family in families]
    title = "Every arm by family: mean points (ahead of compared)"
    return Table(title, ("family", *(named(results, arm) for arm in spread)), rows)


def _ahead(summary: Mapping[str, Any] | None) -> str:
    if summary is None or not summary["compared"]:
        return UNKNOWN
    return f"{points(summary['difference'])} ({summary['ahead']} of {summary['compared']})"


def transfer_table(results: Results) -> Table:
    rows = [
        (f"{line['arm']} on {line['subset']}: {part}", *summary_cells(line[part]))
        for line in results["transfer"].values()
        for part in ("all", "trained format", "other formats")
        if line[part]["benchmarks"]
    ]
    return Table("Transfer to what was not trained", ("reading", *SUMMARY_COLUMNS), rows)


BENCHMARK_COLUMNS = (
    "benchmark",
    "family",
    "format",
    START,
    "baseline",
    "arm",
    "points",
    "95% these models",
    "p",
    "q",
    "95% this method",
    "p",
    "q",
    "pairs graded/asked",
    "asked/answered/graded/failed",
)


def benchmark_table(results: Results, arm: str, role: str = "alignment") -> Table:
    """One row a benchmark, best difference first; those that could not be compared come last with the reason."""
    rows = [row for row in results["rows"] if row["arm"] == arm and row["role"] == role]
    rows.sort(key=lambda row: (not row["compared"], -(row.get("difference") or 0.0)))
    return Table(
        f"{arm} against {results['baseline']}, benchmark by benchmark",
        BENCHMARK_COLUMNS,
        [_benchmark_cells(row) for row in rows],
    )


def _benchmark_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    counts = row["denominators"].get(row["arm"], {})
    denominators = "/".join(str(counts.get(key, 0)) for key in ("asked", "answered", "graded", "failed"))
    marked = row["format"] + (" (trained)" if row["trained_format"] else "")
    head = (row["title"], row["family"], marked, score(row["pre_rl"]))
    if not row["compared"]:
        return (*head, *[UNKNOWN] * 9, row["reason"], denominators)
    cells = [
        cell
        for kind in ("these_models", "this_method")
        for cell in (interval(row, kind), p_value(row[kind]["p"]), p_value(row[kind]["q"]))
    ]
    levels = (score(row["reference_level"]), score(row["level"]), points(row["difference"]))
    return (*head, *levels, *cells, f"{row['pairs']}/{row['pairs_asked']}", denominators)
