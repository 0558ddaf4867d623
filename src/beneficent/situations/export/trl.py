"""TRL: a prompt dataset for GRPOTrainer, with the columns that ``beneficent.rewards.rubric_reward`` reads."""

from collections.abc import Sequence
from typing import Any

from beneficent.situations.export.formats import Files, readme, split_files
from beneficent.situations.export.options import Options
from beneficent.situations.rows import graded_values
from beneficent.situations.types import WrittenSituation


def export_trl(situations: Sequence[WrittenSituation], options: Options) -> Files:
    """``<split>.parquet`` with a conversational ``prompt`` and the situation's other values as columns of their own."""
    return {**split_files(situations, _row, "parquet"), "README.md": readme("trl.md.jinja", situations)}


def _row(written: WrittenSituation) -> dict[str, Any]:
    values = graded_values(written)
    return {"prompt": values.pop("messages"), **values}
