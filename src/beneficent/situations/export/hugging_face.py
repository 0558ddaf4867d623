"""A Hugging Face dataset folder: Parquet by split under ``data/``, and the data card."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from beneficent.core.files import naming_file
from beneficent.situations.export.formats import Files, by_split, parquet, readme
from beneficent.situations.export.options import Options
from beneficent.situations.rows import row_of
from beneficent.situations.summary import summarise
from beneficent.situations.types import WrittenSituation

_LINK_TO_FILE = re.compile(r"\[([^\]]*)\]\((?!https?:|#)[^)]*\)")
_SIZES = ((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K"), (1e6, "100K<n<1M"))


def export_hugging_face(situations: Sequence[WrittenSituation], options: Options) -> Files:
    """``data/<split>-00000-of-00001.parquet`` and ``README.md``."""
    parts = by_split(situations)
    names = {split: f"data/{split}-00000-of-00001.parquet" for split in parts}
    files = {names[split]: parquet([row_of(written).values() for written in part]) for split, part in parts.items()}
    summary = summarise(situations)
    held_out = {trait: count for trait, (count, _) in summary.held_out.items() if count}
    difference = options.smallest_difference
    counts = sorted({*held_out.values(), summary.num_test} - {0})
    card = readme(
        "hugging_face.md.jinja",
        situations,
        front=yaml.safe_dump(_front(names, len(situations)), sort_keys=False),
        summary=summary,
        held_out=held_out,
        smallest={count: difference(count) for count in counts} if difference is not None else {},
        card=options.card,
    )
    return {**files, "README.md": card}


def _front(names: dict[Any, str], num_situations: int) -> dict[str, Any]:
    data_files = [{"split": split, "path": name} for split, name in names.items()]
    return {
        "license": "cc-by-4.0",
        "language": ["en"],
        "pretty_name": "Beneficent situations",
        "size_categories": [next(size for most, size in _SIZES if num_situations < most)],
        "task_categories": ["text-generation"],
        "tags": ["alignment", "reinforcement-learning", "rubric", "evaluation"],
        "configs": [{"config_name": "default", "data_files": data_files}],
    }


def read_card(library: Path) -> str:
    """The data card in a library's folder, without its front matter and its links to other files; "" without one."""
    file = library / "README.md"
    if not file.is_file():
        return ""
    with naming_file(file):
        text = file.read_text(encoding="utf-8")
    if text.startswith("---\n"):
        text = text.split("---\n", 2)[2]
    return _LINK_TO_FILE.sub(r"\1", text).strip() + "\n"
