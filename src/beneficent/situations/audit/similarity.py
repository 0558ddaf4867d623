"""Texts that are nearly the same, within a library and against benchmarks.

Exact counts of shared three-word runs by one sparse product, where MinHash would estimate them: at some thousand texts
that takes under a second, misses no pair and needs no further library.
"""

import json
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from beneficent.core.errors import DataError
from beneficent.core.files import naming_file
from beneficent.situations.audit.wording import message_text, words
from beneficent.situations.findings import Finding, finding_of
from beneficent.situations.types import WrittenSituation

RUN_WORDS = 3
MOST_SHARED = 0.1
"""Jaccard of the three-word runs of two situations. Measured on the first 23 of the library: at most 0.008 between any
two. A copy with every third word changed keeps about 0.17; a paraphrase that keeps no wording is not found by runs."""
MOST_CONTAINED = 0.5
"""Share of the shorter text's runs that a benchmark text and a situation may have in common."""
FEWEST_RUNS = 8
"""Benchmark texts with fewer runs (nine words or less) are found everywhere and prove nothing."""
MOST_SCENE = 0.15
"""Cosine of the rarer words of two situations. Measured on the same 23: at most 0.11 between any two, and 0.16 between
one of them and a free paraphrase; hence a warning for readers, not an error."""
_BATCH = 4096
"""Benchmark texts compared at once; bounds memory, changes nothing."""


def check_duplicates(situations: Sequence[WrittenSituation]) -> list[Finding]:
    """Each situation that nearly repeats an earlier one, with the nearest; as a warning, one like it in its words."""
    texts = [words(message_text(written)) for written in situations]
    findings = []
    near = _nearest(_jaccard(texts), MOST_SHARED)
    for later, (earlier, value) in near.items():
        apart = situations[later].situation.split != situations[earlier].situation.split
        across = ", across splits" if apart else ""
        message = f"near-duplicate of {situations[earlier].id}{across}: {value:.0%} of the three-word runs are shared"
        findings.append(finding_of(situations[later], "near-duplicate", message))
    for later, (earlier, value) in _nearest(_scenes(texts), MOST_SCENE).items():
        if later not in near:
            message = f"may retell the scene of {situations[earlier].id}: likeness of the rarer words {value:.2f}"
            findings.append(finding_of(situations[later], "scene", message, "warning"))
    return findings


def check_benchmarks(situations: Sequence[WrittenSituation], against: Sequence[Path]) -> tuple[int, list[Finding]]:
    """Number of benchmark texts read, and each situation that has much in common with one of them (the nearest).

    Every string of every line of the ``.jsonl`` files is a text of its own.

    Raises:
        DataError: a path has no ``.jsonl`` file, or a line is not JSON.
        BeneficentError: a file cannot be read.
    """
    own = [_runs(words(message_text(written))) for written in situations]
    columns = _columns(own)
    library = _incidence([[columns[run] for run in runs] for runs in own], len(columns))
    sizes = np.array([len(runs) for runs in own])
    nearest: dict[int, tuple[float, str]] = {}
    num_texts = 0
    for batch in _batches(_benchmark_texts(against)):
        num_texts += len(batch)
        rows, lengths, places = [], [], []
        for place, text in batch:
            runs = _runs(words(text))
            if len(runs) >= FEWEST_RUNS:
                rows.append([columns[run] for run in runs if run in columns])
                lengths.append(len(runs))
                places.append(place)
        shared = (library @ _incidence(rows, len(columns)).T).tocoo()
        contained = shared.data / np.minimum(sizes[shared.row], np.array(lengths, dtype=int)[shared.col])
        for at in np.flatnonzero(contained > MOST_CONTAINED):
            found = (float(contained[at]), places[shared.col[at]])
            nearest[int(shared.row[at])] = max(found, nearest.get(int(shared.row[at]), found))
    return num_texts, [
        finding_of(
            situations[row], "contamination", f"{value:.0%} of the three-word runs of the shorter are in {place}"
        )
        for row, (value, place) in sorted(nearest.items())
    ]


def nearest_of(own: Sequence[Sequence[str]], others: Sequence[Sequence[str]]) -> list[tuple[int, float]]:
    """For each text (as words) the index of the other text nearest to it and the Jaccard of their three-word runs.

    A text that shares no run with any other has index -1 and 0.
    """
    ours, theirs = [_runs(text) for text in own], [_runs(text) for text in others]
    columns = _columns([*ours, *theirs])
    rows = [_incidence([[columns[run] for run in runs] for runs in side], len(columns)) for side in (ours, theirs)]
    shared = (rows[0] @ rows[1].T).tocoo()
    sizes = [np.array([len(runs) for runs in side], dtype=int) for side in (ours, theirs)]
    value = shared.data / (sizes[0][shared.row] + sizes[1][shared.col] - shared.data)
    found = [(-1, 0.0)] * len(own)
    for at in np.argsort(value, kind="stable"):
        found[int(shared.row[at])] = (int(shared.col[at]), float(value[at]))
    return found


def _runs(text: Sequence[str]) -> set[tuple[str, ...]]:
    """The distinct three-word runs of a text."""
    return set(zip(*(text[start:] for start in range(RUN_WORDS)), strict=False))


def _columns(texts: Iterable[Iterable[Hashable]]) -> dict[Hashable, int]:
    """A column number for everything that stands in some text."""
    return {thing: column for column, thing in enumerate(dict.fromkeys(thing for text in texts for thing in text))}


def _incidence(rows: Sequence[Sequence[int]], num_columns: int) -> sparse.csr_array[np.float64]:
    """One row for each text with a 1 in each of its columns; (texts, columns)."""
    starts = np.cumsum([0, *map(len, rows)])
    columns = np.array([column for row in rows for column in row], dtype=int)
    return sparse.csr_array((np.ones(len(columns)), columns, starts), shape=(len(rows), num_columns))


def _jaccard(texts: Sequence[Sequence[str]]) -> sparse.coo_array[np.float64]:
    """Runs shared by two texts over runs of either; (texts, texts), the row earlier than the column."""
    runs = [_runs(text) for text in texts]
    columns = _columns(runs)
    matrix = _incidence([[columns[run] for run in found] for found in runs], len(columns))
    shared: sparse.coo_array[np.float64] = sparse.triu(matrix @ matrix.T, k=1).tocoo()
    sizes = np.array([len(found) for found in runs])
    shared.data = shared.data / (sizes[shared.row] + sizes[shared.col] - shared.data)
    return shared


def _scenes(texts: Sequence[Sequence[str]]) -> sparse.coo_array[np.float64]:
    """Cosine of the words of four letters or more, weighted by log(texts / texts with the word); shaped as above."""
    kept = [{word for word in text if len(word) >= 4} for text in texts]
    columns = _columns(kept)
    matrix = _incidence([[columns[word] for word in found] for found in kept], len(columns))
    weighted = matrix @ sparse.diags_array(np.log(len(texts) / matrix.sum(axis=0)))
    lengths = np.sqrt((weighted * weighted).sum(axis=1))
    unit = sparse.diags_array(1 / np.where(lengths > 0, lengths, 1)) @ weighted
    likeness: sparse.coo_array[np.float64] = sparse.triu(unit @ unit.T, k=1).tocoo()
    return likeness


def _nearest(pairs: sparse.coo_array[np.float64], limit: float) -> dict[int, tuple[int, float]]:
    """For every column with a value above the limit: the row of its highest value, and that value."""
    nearest: dict[int, tuple[int, float]] = {}
    for at in np.flatnonzero(pairs.data > limit):
        earlier, later, value = int(pairs.row[at]), int(pairs.col[at]), float(pairs.data[at])
        if later not in nearest or value > nearest[later][1]:
            nearest[later] = (earlier, value)
    return dict(sorted(nearest.items()))


def _benchmark_texts(against: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Place (file, line and key) and text of every string in benchmark files."""
    for path in against:
        files = [path] if path.is_file() else sorted(path.rglob("*.jsonl"))
        if not files:
            raise DataError(f"{path}: no benchmark items; allowed is a .jsonl file, or a folder with some")
        for file in files:
            with naming_file(file), file.open(encoding="utf-8") as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield from _strings(_json(line, f"{file}:{number}"), f"{file}:{number}")


def _json(line: str, place: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise DataError(f"{place}: not JSON ({error}); allowed is one JSON value a line") from error


def _strings(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _strings(part, f"{place} {key}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _strings(part, f"{place}[{number}]")


def _batches(texts: Iterator[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    while batch := list(islice(texts, _BATCH)):
        yield batch
