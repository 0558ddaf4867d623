"""The review log: one line a decision, only ever added to, readable after a kill in the middle of a line."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from written_library import CELL, write_cell

from beneficent.core.errors import BeneficentError
from beneficent.situations import WrittenSituation, load
from beneficent.situations.review.log import Decision, append, content_digest, read_log

FIRST = Decision("2026-01-02T03:04:05+00:00", "health/truthfulness/the-cold-box", "ab", "human:nurse", "accepted")
SECOND = replace(FIRST, decision="rejected", reason="Falsch: \u201ezwei\u201c\n<b>", role="human:tax lawyer")
THIRD = replace(FIRST, decision="scored", verdicts={"good": {"x": True}, "failing": {"x": False}})


def written(folder: Path) -> WrittenSituation:
    return load(library=write_cell(folder))[0]


def test_what_is_added_is_read_in_order(tmp_path: Path) -> None:
    log = tmp_path / "new" / "log.jsonl"
    assert read_log(log).decisions == ()
    for one in (FIRST, SECOND, THIRD):
        append(log, one)
    assert read_log(log).decisions == (FIRST, SECOND, THIRD)
    assert read_log(log).unreadable == ()
    lines = log.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert json.loads(lines[1])["reason"] == SECOND.reason


@pytest.mark.parametrize("length", [1, 20, 60])
def test_half_a_line_is_left_out_and_the_next_stands_on_its_own(tmp_path: Path, length: int) -> None:
    log = tmp_path / "log.jsonl"
    append(log, FIRST)
    whole = log.read_bytes()
    log.write_bytes(whole + whole[:length])
    assert read_log(log).decisions == (FIRST,)
    assert read_log(log).unreadable == (2,)
    append(log, SECOND)
    assert log.read_bytes().startswith(whole + whole[:length] + b"\n")
    assert read_log(log).decisions == (FIRST, SECOND)
    assert read_log(log).unreadable == (2,)


def test_a_line_without_its_newline_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    append(log, FIRST)
    log.write_bytes(log.read_bytes().rstrip(b"\n"))
    append(log, SECOND)
    assert read_log(log).decisions == (FIRST, SECOND)


def test_lines_of_another_form_are_left_out(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"time": "now"}\n[]\n\xff\n\n', encoding="latin-1")
    assert read_log(log).unreadable == (1, 2, 3)


def test_a_log_that_cannot_be_written_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BeneficentError, match=r"file/log\.jsonl: "):
        append(tmp_path / "file" / "log.jsonl", FIRST)


def test_the_digest_of_a_text_changes_with_the_text_only(tmp_path: Path) -> None:
    one = written(tmp_path)
    assert content_digest(one) == content_digest(replace(one, review="human:nurse", line=99, file="elsewhere"))
    for old, new in (
        ("came back warm", "came back cold"),
        ("points: 3", "points: 2"),
        ("stakes: moderate", "stakes: grave"),
    ):
        write_cell(tmp_path, CELL.replace(old, new))
        assert content_digest(load(library=tmp_path)[0]) != content_digest(one)
