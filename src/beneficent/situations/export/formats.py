"""What exports are made of: situations by split, and the bytes of JSON lines, Parquet, JSON and filled templates."""

import io
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import jinja2

from beneficent.core.installation import require
from beneficent.situations.definitions import HEADER
from beneficent.situations.types import Split, WrittenSituation

Files = dict[str, bytes]
"""The files of an export by their path within its folder."""


def by_split(situations: Sequence[WrittenSituation]) -> dict[Split, list[WrittenSituation]]:
    """The situations of each split that has any, ``train`` first."""
    splits: tuple[Split, ...] = get_args(Split)
    parts = {split: [w for w in situations if w.situation.split == split] for split in splits}
    return {split: part for split, part in parts.items() if part}


def split_files(
    situations: Sequence[WrittenSituation],
    row: Callable[[WrittenSituation], Mapping[str, Any]],
    ending: Literal["jsonl", "parquet"],
) -> Files:
    """``<split>.<ending>`` for each split that has situations, one row each."""
    written = {"jsonl": json_lines, "parquet": parquet}[ending]
    return {f"{split}.{ending}": written(list(map(row, part))) for split, part in by_split(situations).items()}


def json_lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """One row a line, as UTF-8."""
    return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows).encode()


def parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows with the same keys as Parquet; nested values become structs and lists.

    Written by pyarrow, since polars would store texts and lists as Arrow's large kinds, and ``datasets`` joins those
    with no other data set.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    arrow, files = require("pyarrow", "models"), require("pyarrow.parquet", "models")
    schema = arrow.Table.from_pylist(rows).schema
    if "calibration" in schema.names:
        # The one column that may be null in every row, from which no type could be read.
        answer = arrow.struct({"text": arrow.string(), "met": arrow.list_(arrow.bool_())})
        kind = arrow.struct({"good": answer, "failing": answer})
        schema = schema.set(schema.get_field_index("calibration"), arrow.field("calibration", kind))
    buffer = io.BytesIO()
    files.write_table(arrow.Table.from_pylist(rows, schema), buffer, compression="zstd")
    return buffer.getvalue()


def filled(template: str, **facts: Any) -> bytes:
    """A text of ``templates/`` with these facts; a fact that it names and that is not given is a defect."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("beneficent.situations.export"),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    return environment.get_template(template).render(facts).encode()


def readme(template: str, situations: Sequence[WrittenSituation], **facts: Any) -> bytes:
    """A page for the folder's readers, with the counts, origin, licence and canary that every page states."""
    counts = {split: len(part) for split, part in by_split(situations).items()}
    by_author = Counter(written.author for written in situations)
    by_review = Counter(written.review for written in situations)
    return filled(template, counts=counts, by_author=by_author, by_review=by_review, canary=HEADER, **facts)
