"""The exports: what is in the files, that nothing is lost or half-written, and what is refused."""

import ast
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from written_library import CELL, changed, write_cell, write_library

from beneficent.core.errors import BeneficentError, DataError
from beneficent.grading.rubric import score_points
from beneficent.situations import WrittenSituation, load
from beneficent.situations.definitions import HEADER
from beneficent.situations.export import TARGETS, Options, export
from beneficent.situations.export.folder import write_folder
from beneficent.situations.export.formats import json_lines
from beneficent.situations.export.hugging_face import read_card
from beneficent.situations.loading import LIBRARY, read_library
from beneficent.situations.rows import GradedRow, Row, row_of
from beneficent.situations.types import Message

JUDGE = "some-model"
PARQUET = ("parquet", "trl", "verl", "hf")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[WrittenSituation, ...]:
    """180 situations of made-up words; every scored trait has one in ``test`` for each domain."""
    return load(library=write_library(tmp_path_factory.mktemp("library"), per_cell=1))


@pytest.fixture
def one(tmp_path: Path) -> tuple[WrittenSituation, ...]:
    return load(library=write_cell(tmp_path / "library"))


def files_of(
    target: str, situations: tuple[WrittenSituation, ...], options: Options | None = None
) -> Mapping[str, bytes]:
    if target in PARQUET:
        pytest.importorskip("pyarrow", reason="Parquet is written by pyarrow, of the extra 'models'")
    return TARGETS[target](situations, options or Options(judge=JUDGE))


def lines_of(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.decode().split("\n") if line]


def everything(written: WrittenSituation) -> WrittenSituation:
    """The situation without its place in the library, which no row has."""
    return replace(written, file="", line=0)


def restored(row: Row) -> WrittenSituation:
    return WrittenSituation(row.situation(), row.author, row.review, row.tags, row.calibration, "", 0)


def test_json_lines_hold_everything_of_every_situation(library: tuple[WrittenSituation, ...]) -> None:
    files = files_of("jsonl", library)
    assert list(files) == ["train.jsonl", "test.jsonl", "README.md"]
    rows = [row for split in ("train", "test") for row in lines_of(files[f"{split}.jsonl"])]
    assert {(row["licence"], row["canary"]) for row in rows} == {("CC-BY-4.0", HEADER)}
    assert {row["split"] for row in lines_of(files["test.jsonl"])} == {"test"}
    found = {row["id"]: restored(Row.read(row)) for row in rows}
    assert found == {written.id: everything(written) for written in library}


def test_parquet_holds_the_same_rows_as_the_json_lines(library: tuple[WrittenSituation, ...]) -> None:
    files, lines = files_of("parquet", library), files_of("jsonl", library)
    for split in ("train", "test"):
        assert pl.read_parquet(files[f"{split}.parquet"]).to_dicts() == lines_of(lines[f"{split}.jsonl"])


def test_the_library_that_ships_survives_the_round_trip() -> None:
    situations = read_library(LIBRARY).situations
    assert len(situations) >= 100
    data = json_lines([row_of(written).values() for written in situations])
    assert [restored(Row.read(row)) for row in lines_of(data)] == [everything(written) for written in situations]


@given(st.text(min_size=1))
def test_no_text_breaks_a_line(text: str) -> None:
    """Some characters end a line for some readers; in JSON lines only the line feed does."""
    data = json_lines([{"text": text}, {"text": "next"}])
    assert lines_of(data) == [{"text": text}, {"text": "next"}]
    assert data.count(b"\n") == 2


def test_a_calibration_that_no_row_has_is_still_a_column_of_its_type(tmp_path: Path) -> None:
    without = CELL[: CELL.index("    calibration:")]
    with_it, lacking = (
        pl.read_parquet(files_of("parquet", load(library=write_cell(tmp_path / name, text)))["test.parquet"])
        for name, text in (("with", CELL), ("without", without))
    )
    assert lacking["calibration"].to_list() == [None]
    assert with_it.schema == lacking.schema


def test_trl_gets_the_conversation_as_prompt_and_what_the_reward_reads(one: tuple[WrittenSituation, ...]) -> None:
    (row,) = pl.read_parquet(files_of("trl", one)["test.parquet"]).to_dicts()
    assert list(row) == ["prompt", "id", "trait", "domain", "split", "tags", "rubric", "licence", "canary"]
    assert [message["role"] for message in row["prompt"]] == ["system", "user", "assistant", "user"]
    assert [criterion["points"] for criterion in row["rubric"]] == [3.0, 2.0, -3.0]
    assert GradedRow.read({**row, "messages": row["prompt"]}).situation() == one[0].situation


def test_verl_gets_its_columns_and_the_situation_as_ground_truth(one: tuple[WrittenSituation, ...]) -> None:
    (row,) = pl.read_parquet(files_of("verl", one)["test.parquet"]).to_dicts()
    assert list(row) == ["data_source", "prompt", "ability", "reward_model", "extra_info"]
    assert (row["data_source"], row["ability"], row["reward_model"]["style"]) == ("beneficent", "truthfulness", "rule")
    assert row["extra_info"] == {"split": "test", "index": 0, "id": one[0].id}
    assert GradedRow.read(json.loads(row["reward_model"]["ground_truth"])).situation() == one[0].situation


def test_the_verifiers_package_is_python_and_lists_its_needs(one: tuple[WrittenSituation, ...]) -> None:
    files = files_of("verifiers", one)
    project = tomllib.loads(files["pyproject.toml"].decode())["project"]
    assert project["dependencies"] == ["verifiers>=0.4", "beneficent[api]"]
    for name in ("__init__.py", "taskset.py"):
        ast.parse(files[f"beneficent_situations/{name}"])
    (row,) = lines_of(files["beneficent_situations/situations.jsonl"])
    assert GradedRow.read(row).situation() == one[0].situation


def grader_and_rows(situations: tuple[WrittenSituation, ...]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    files = files_of("openai-graders", situations)
    rows = [row for name, data in files.items() if name.endswith(".jsonl") for row in lines_of(data)]
    return json.loads(files["grader.json"]), rows


def test_openai_graders_have_the_documented_form(library: tuple[WrittenSituation, ...]) -> None:
    graders = pytest.importorskip("openai.types.graders", reason="the extra 'api' is not installed")
    grader, rows = grader_and_rows(library)
    # The package's MultiGrader types one grader where the service takes them by name, so each is validated by itself.
    graders.MultiGrader.model_validate({**grader, "graders": grader["graders"]["do_1"]}, strict=True)
    assert list(grader["graders"]) == ["do_1", "do_2", "do_3", "avoid_1"]
    for name, part in grader["graders"].items():
        found = graders.ScoreModelGrader.model_validate(part, strict=True)
        assert (found.name, found.model, found.range) == (name, JUDGE, [0, 1])
        text = " ".join(str(message.content) for message in found.input)
        used = set(re.findall(r"\{\{ (\S+) \}\}", text))
        assert used == {"sample.output_text"} | {
            f"item.{field}" for field in ("conversation", "fence", name, f"{name}_share")
        }
        assert all(field.removeprefix("item.") in row for row in rows for field in used if field.startswith("item."))
    for row in rows:
        assert row["messages"][-1]["role"] == "user"
        assert row["fence"] not in row["conversation"]


@pytest.mark.parametrize(
    "cell",
    [
        CELL,
        changed(("points: 3", "points: 1"), ("points: -3", "points: -7")),
        changed(("points: -3", "points: 4")),
    ],
)
def test_the_formula_for_openai_is_the_arithmetic_of_the_rubric(cell: str, tmp_path: Path) -> None:
    """Each grader answers its share or 0; the formula then gives the rubric's score for every set of verdicts."""
    other = cell.replace("health", "science").replace("points: 2", "points: -2")
    situations = load(library=write_cell(write_cell(tmp_path, cell), other, "science/truthfulness.yaml"))
    grader, rows = grader_and_rows(situations)
    for written, row in zip(situations, rows, strict=True):
        rubric = written.situation.rubric
        for met in product([False, True], repeat=len(rubric)):
            by_text = {criterion.text: is_met for criterion, is_met in zip(rubric, met, strict=True)}
            replies = {
                slot: float(row[f"{slot}_share"]) if by_text.get(row[slot], True) else 0.0 for slot in grader["graders"]
            }
            formula = eval(grader["calculate_output"], {"min": min, "max": max, "__builtins__": {}}, replies)
            assert formula == pytest.approx(score_points(rubric, met), abs=2e-4)


def test_the_data_card_of_the_hugging_face_folder(library: tuple[WrittenSituation, ...]) -> None:
    options = Options(card="# The card\n\nIts text.\n", smallest_difference=lambda count: None if count < 13 else 0.123)
    files = files_of("hf", library, options)
    assert list(files) == ["data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet", "README.md"]
    _, front, text = files["README.md"].decode().split("---\n", 2)
    head = yaml.safe_load(front)
    assert (head["license"], head["language"], head["size_categories"]) == ("cc-by-4.0", ["en"], ["n<1K"])
    assert head["configs"][0]["data_files"] == [
        {"split": "train", "path": "data/train-00000-of-00001.parquet"},
        {"split": "test", "path": "data/test-00000-of-00001.parquet"},
    ]
    assert text.startswith("# The card\n\nIts text.\n")
    for line in (
        "| train | 96 |",
        "| test | 84 |",
        "| several turns | 180 | 100% |",
        "| calibration answers | 180 | 100% |",
        "| 12 | too few |",
        "| 84 | 12.3 points of 100 |",
        f"    {HEADER}",
    ):
        assert f"\n{line}\n" in text


def test_a_card_is_taken_without_front_matter_and_links_to_files(tmp_path: Path) -> None:
    assert read_card(tmp_path) == ""
    (tmp_path / "README.md").write_text(
        "---\nlicense: mit\n---\n# Card\n\nSee [WRITING.md](WRITING.md#rules) and [a page](https://example.org/x).\n"
    )
    assert read_card(tmp_path) == "# Card\n\nSee WRITING.md and [a page](https://example.org/x).\n"
    assert "](" not in re.sub(r"\]\(https?:", "", read_card(LIBRARY))


@pytest.mark.parametrize("target", TARGETS)
def test_every_folder_says_where_it_comes_from(target: str, one: tuple[WrittenSituation, ...]) -> None:
    page = files_of(target, one)["README.md"].decode()
    assert HEADER in page
    assert "1 situations (test 1). Written by: model 1." in page
    assert "{{" not in page.replace("{{ item", "")


def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "made" / "here"
    with pytest.raises(BeneficentError, match="File name too long"):
        write_folder(folder, {"first": b"1", "x" * 300: b"2"})
    assert list(folder.parent.iterdir()) == []
    write_folder(folder, {"first": b"1", "deep/second": b"2"})
    assert (folder / "deep" / "second").read_bytes() == b"2"
    assert [path.name for path in folder.parent.iterdir()] == ["here"]
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    write_folder(Path(), {"first": b"1"})
    assert (tmp_path / "empty" / "first").read_bytes() == b"1"


def test_what_is_refused_and_why(one: tuple[WrittenSituation, ...], tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    free = tmp_path / "free"
    with pytest.raises(DataError, match="used: is not empty; allowed is a folder that is empty or not there yet"):
        export(one, "jsonl", tmp_path / "used")
    with pytest.raises(DataError, match="file: is a file; allowed"):
        export(one, "jsonl", tmp_path / "file")
    with pytest.raises(DataError, match="there is no form 'csv'; allowed: jsonl, parquet, trl, verl, verifiers, "):
        export(one, "csv", free)
    with pytest.raises(DataError, match="no situation fits the filters"):
        export((), "jsonl", free)
    with pytest.raises(DataError, match="names the model that judges, and none is taken by default: give --judge"):
        export(one, "openai-graders", free)
    with pytest.raises(
        DataError, match=r"a judge \('m'\) has no place in jsonl; there it is named when grading begins"
    ):
        export(one, "jsonl", free, Options(judge="m"))
    assert not free.exists()
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rubric": None}, "situation 'health/truthfulness/the-cold-box': rubric is None (Input should be a valid"),
        ({"rubric": [{"id": "a", "text": "b", "points": "many"}]}, "rubric.0.points is 'many' (Input should be"),
        ({"messages": [{"role": "tool", "content": ""}]}, "messages.0.role is 'tool' (Input should be 'system'"),
    ],
)
def test_a_row_that_is_damaged_names_the_place(
    change: dict[str, Any], message: str, one: tuple[WrittenSituation, ...]
) -> None:
    values = row_of(one[0]).values()
    with pytest.raises(DataError, match=re.escape(message)):
        GradedRow.read({**values, **change})
    with pytest.raises(DataError, match="the-cold-box': trait is missing"):
        GradedRow.read({key: value for key, value in values.items() if key != "trait"})


def test_a_system_message_stays_the_first(one: tuple[WrittenSituation, ...]) -> None:
    assert row_of(one[0]).messages[0] == Message("system", "You answer for the district vaccine store.")
