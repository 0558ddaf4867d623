from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beneficent.core.errors import CorruptFileError
from beneficent.core.store import MANIFEST, Parts

row = st.fixed_dictionaries(
    {
        "step": st.integers(0, 9),
        "score": st.none() | st.floats(0, 1) | st.integers(0, 1),
        "reason": st.none() | st.text(),
        "answers": st.lists(st.text(), max_size=2),
    }
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(row, max_size=4), max_size=5), st.integers(0, 10))
def test_what_is_appended_is_read_and_keep_drops_exactly_the_rest(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[dict[str, Any]]], cut: int
) -> None:
    parts = Parts(tmp_path_factory.mktemp("parts"))
    for batch in batches:
        parts.append(batch)
    rows = [one for batch in batches for one in batch]
    assert parts.read().rows(named=True) == rows
    assert parts.num_rows() == len(rows)
    parts.keep(pl.col("step") < cut)
    kept = [one for one in rows if one["step"] < cut]
    assert parts.read().rows(named=True) == kept
    parts.append([{"step": 3, "new": "column"}])
    assert parts.read()["step"].to_list() == [*(one["step"] for one in kept), 3]


def test_notes_stay_with_their_rows(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    parts.append([{"step": 0}], {"tokens": 5})
    parts.append([], {"tokens": 6})
    parts.append([{"step": 1}], {"tokens": 7})
    parts.append([])
    assert [note["tokens"] for note in parts.notes()] == [5, 6, 7]
    parts.keep(pl.col("step") == 1)
    assert [note["tokens"] for note in parts.notes()] == [6, 7]


def test_stray_parts_are_ignored_and_cleared(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    parts.append([{"a": 1}])
    (tmp_path / "part-000002.parquet").write_bytes(b"half of a part")
    (tmp_path / ".manifest.json.x.tmp").write_bytes(b"{")
    assert parts.read().rows() == [(1,)]
    parts.append([{"a": 2}])
    assert parts.read().rows() == [(1,), (2,)]
    assert sorted(child.name for child in tmp_path.iterdir()) == [
        MANIFEST,
        "part-000001.parquet",
        "part-000002.parquet",
    ]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_changed_byte_is_noticed_and_the_file_named(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    Parts(folder).append([{"a": 1, "b": "text"}], {"n": 1})
    name = data.draw(st.sampled_from([MANIFEST, "part-000001.parquet"]))
    content = bytearray((folder / name).read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    (folder / name).write_bytes(content)
    try:
        rows = Parts(folder).read().rows()
    except CorruptFileError as error:
        named = str(error)
    else:
        # Only white space of the manifest may change unseen.
        assert (rows, name) == ([(1, "text")], MANIFEST)
        return
    assert str(folder / name) in named


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    Parts(tmp_path).append([{"a": 1}])
    (tmp_path / "part-000001.parquet").unlink()
    with pytest.raises(CorruptFileError, match=r"part-000001\.parquet is missing"):
        Parts(tmp_path).read()


def test_an_empty_folder_has_no_rows(tmp_path: Path) -> None:
    assert Parts(tmp_path / "none").read().is_empty()
    assert Parts(tmp_path / "none").num_rows() == 0
