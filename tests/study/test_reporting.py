"""The report of a finished run, rendered again."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from beneficent.cli.main import app
from beneficent.core.errors import BeneficentError, CorruptFileError
from beneficent.core.files import read_json, write_json
from beneficent.study.reporting import report_again, with_refusals


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that may be changed, without its policies and its report."""
    ignored = shutil.ignore_patterns("policy", "report.html", ".lock")
    return Path(shutil.copytree(finished, tmp_path / "run", ignore=ignored))


def change(path: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    value = read_json(path)
    edit(value)
    write_json(path, value)


def test_the_command_renders_the_page_that_the_study_wrote(finished: Path, tmp_path: Path) -> None:
    before = {path.name for path in finished.iterdir()}
    done = CliRunner().invoke(app, ["report", str(finished), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "out/report.html").read_bytes()
    assert page == (finished / "report.html").read_bytes()
    assert len(page) < 5_000_000
    files = {path.name for path in (tmp_path / "out/figures").iterdir()}
    assert {
        "forest-trait.svg",
        "forest-trait.png",
        "forest-trait.csv",
        "learning.png",
        "drift.csv",
        "traits.svg",
    } <= files
    assert len(files) % 3 == 0
    assert done.stdout.splitlines() == [
        f"Report: {tmp_path / 'out/report.html'}",
        f"Figures: {len(files)} files in {tmp_path / 'out/figures'}",
    ]
    assert {path.name for path in finished.iterdir()} == before
    assert b"Prompts are not shown" not in page
    assert b"user: is it safe in" in page


def test_prompts_of_a_source_that_changed_are_not_shown(copied: Path) -> None:
    """By default the page goes into the run folder."""
    change(copied / "run.json", lambda begun: begun.update(source_digest="fake-0"))
    written = report_again(copied, None, publish=True)
    assert written.report == copied / "report.html"
    assert all(path.is_file() and path.parent == copied / "figures" for path in written.figures)
    (note,) = written.notes
    assert note.startswith("Prompts are not shown: source fake_source:load?")
    page = written.report.read_text()
    assert "Prompts are not shown" in page
    assert "In the form for publishing" in page
    assert "user: is it" not in page
    assert "item is-it-safe-in" in page


def test_a_run_that_is_not_finished_is_refused(copied: Path, tmp_path: Path) -> None:
    (copied / "results.json").unlink()
    with pytest.raises(BeneficentError, match="has no results yet; 'beneficent study steps"):
        report_again(copied, tmp_path / "out", publish=False)
    with pytest.raises(BeneficentError, match="is no run folder: it has no run"):
        report_again(tmp_path / "nothing", None, publish=False)
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_folder_to_write_to(finished: Path) -> None:
    with pytest.raises(BeneficentError, match=r"--out is .*, which is a file; allowed is a folder"):
        report_again(finished, finished / "run.json", publish=False)


def test_results_of_an_older_version_are_refused_by_name(copied: Path, tmp_path: Path) -> None:
    change(copied / "results.json", lambda results: [results.pop(key) for key in ("monitoring", "worlds")])
    with pytest.raises(CorruptFileError, match="has no monitoring, worlds: an older version wrote it"):
        report_again(copied, tmp_path / "out", publish=False)


def test_only_whole_answers_are_classed_and_a_failing_classifier_costs_one_class() -> None:
    def refusal(answer: str) -> str:
        if answer == "strange":
            raise ValueError(answer)
        return "refusal" if answer == "no" else "answer"

    rollouts = pl.DataFrame(
        {"answer": ["no", "yes", "strange", "no"], "ending": ["completed", "completed", "completed", "truncated"]}
    )
    source: Any = SimpleNamespace(refusal=refusal)
    assert with_refusals(rollouts, source)["refusal"].to_list() == ["refusal", "answer", None, None]
    assert with_refusals(pl.DataFrame(), source).is_empty()
