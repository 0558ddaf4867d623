"""JSON lines and Parquet: one file a split, one situation a row, with everything that is known of it."""

from collections.abc import Sequence
from typing import Any

from beneficent.situations.export.formats import Files, readme, split_files
from beneficent.situations.export.options import Options
from beneficent.situations.rows import row_of
from beneficent.situations.types import WrittenSituation


def export_jsonl(situations: Sequence[WrittenSituation], options: Options) -> Files:
    """``<split>.jsonl``."""
    return {**split_files(situations, _row, "jsonl"), "README.md": readme("tables.md.jinja", situations)}


def export_parquet(situations: Sequence[WrittenSituation], options: Options) -> Files:
    """``<split>.parquet``."""
    return {**split_files(situations, _row, "parquet"), "README.md": readme("tables.md.jinja", situations)}


def _row(written: WrittenSituation) -> dict[str, Any]:
    return row_of(written).values()
