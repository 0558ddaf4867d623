"""The library in the forms that other stacks read: ``export(situations, "trl", Path("situations-trl"), options)``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from beneficent.core.errors import DataError
from beneficent.situations.export.folder import check_free, write_folder
from beneficent.situations.export.formats import Files, by_split
from beneficent.situations.export.hugging_face import export_hugging_face, read_card
from beneficent.situations.export.openai_graders import export_openai_graders
from beneficent.situations.export.options import Options
from beneficent.situations.export.tables import export_jsonl, export_parquet
from beneficent.situations.export.trl import export_trl
from beneficent.situations.export.verifiers import export_verifiers
from beneficent.situations.export.verl import export_verl
from beneficent.situations.loading import load
from beneficent.situations.selection import Selection
from beneficent.situations.types import WrittenSituation

__all__ = ["TARGETS", "Exported", "Options", "export", "export_library"]

TARGETS: Mapping[str, Callable[[Sequence[WrittenSituation], Options], Files]] = {
    "jsonl": export_jsonl,
    "parquet": export_parquet,
    "trl": export_trl,
    "verl": export_verl,
    "verifiers": export_verifiers,
    "openai-graders": export_openai_graders,
    "hf": export_hugging_face,
}
"""What each form is made by."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    folder: Path
    files: tuple[str, ...]
    counts: dict[str, int]
    """Situations by split."""


def export(
    situations: Sequence[WrittenSituation], target: str, folder: Path, options: Options | None = None
) -> Exported:
    """Write situations in one form into a folder, which is there with all its files, or not at all.

    Raises:
        DataError: there is no such form, there is nothing to export, the judge is missing or has no use, or the folder
            is not empty.
        BeneficentError: the disk is full or the place cannot be written.
    """
    options = options or Options()
    if target not in TARGETS:
        raise DataError(f"there is no form {target!r}; allowed: {', '.join(TARGETS)}")
    if options.judge is not None and target != "openai-graders":
        raise DataError(f"a judge ({options.judge!r}) has no place in {target}; there it is named when grading begins")
    if not situations:
        raise DataError("no situation fits the filters, so there is nothing to export")
    check_free(folder)
    files = TARGETS[target](situations, options)
    write_folder(folder, files)
    return Exported(folder, tuple(files), {split: len(part) for split, part in by_split(situations).items()})


def export_library(
    library: Path,
    selection: Selection,
    target: str,
    folder: Path,
    smallest_difference: Callable[[int], float | None],
    judge: str | None = None,
) -> Exported:
    """``export`` for what a selection takes of a library, with the library's data card.

    Raises:
        DataError, BeneficentError: as ``export``, or the library breaks the format.
    """
    options = Options(judge, read_card(library), smallest_difference)
    return export(load(selection, library), target, folder, options)
