"""``beneficent situations export``: filters, what it prints, and what a user can mend."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner
from written_library import CELL, write_cell

from beneficent.cli.main import app
from beneficent.situations.export import TARGETS

ID = "health/truthfulness/the-cold-box"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """One situation of health in ``test``, one of science in ``train``."""
    folder = write_cell(tmp_path / "library")
    other = CELL.replace("health", "science").replace("split: test", "split: train")
    return write_cell(folder, other, "science/truthfulness.yaml")


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["situations", "export", *map(str, arguments)])


def test_it_takes_the_filters_of_the_other_commands(library: Path, tmp_path: Path) -> None:
    def ids(name: str, *flags: str) -> list[str]:
        done = call("--library", library, "--to", "jsonl", "--out", tmp_path / name, *flags)
        assert done.exit_code == 0, done.output
        files = sorted((tmp_path / name).glob("*.jsonl"))
        return [json.loads(line)["id"] for file in files for line in file.read_text().splitlines()]

    other = ID.replace("health", "science")
    assert ids("all") == [ID, other]
    assert ids("health", "--health-only") == ids("split", "--split", "test") == [ID]
    assert ids("science", "--domain", "science", "--trait", "truthfulness", "--several-turns") == [other]


def test_it_says_what_it_wrote(library: Path, tmp_path: Path) -> None:
    done = call("--library", library, "--to", "jsonl", "--out", tmp_path / "plain")
    assert (
        done.stdout
        == f"{tmp_path / 'plain'}: 2 situations (train 1, test 1)\n  train.jsonl\n  test.jsonl\n  README.md\n"
    )
    flags = ("--to", "openai-graders", "--judge", "some-model", "--json", "--split", "test")
    answer = json.loads(call("--library", library, "--out", tmp_path / "graders", *flags).stdout)
    assert answer == {
        "folder": str(tmp_path / "graders"),
        "files": ["grader.json", "test.jsonl", "README.md"],
        "counts": {"test": 1},
    }


def test_the_data_card_states_what_the_test_split_can_show(library: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="Parquet is written by pyarrow, of the extra 'models'")
    (library / "README.md").write_text("---\nlicense: mit\n---\n# Cold boxes\n\nSee [more](more.md).\n")
    assert call("--library", library, "--to", "hf", "--out", tmp_path / "hf").exit_code == 0
    page = (tmp_path / "hf" / "README.md").read_text()
    assert "\n# Cold boxes\n\nSee more.\n" in page
    assert "\n| 1 | too few |\n" in page


def test_what_the_user_can_mend_is_one_line_and_exit_status_2(library: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "beneficent",
            "situations",
            "export",
            "--library",
            "library",
            "--to",
            "csv",
            "--out",
            "new",
        ],
        cwd=library.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: there is no form 'csv'; allowed: jsonl, parquet, trl, ")
    assert done.stderr.count("\n") == 1
    assert not (library.parent / "new").exists()


def test_a_missing_pyarrow_is_told_with_the_line_that_installs_it(library: Path) -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "sys.argv = ['beneficent', 'situations', 'export', '--library', 'library', '--to', 'trl', '--out', 'new']\n"
        "from beneficent.cli.main import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=library.parent, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: 'pyarrow' is not installed; it comes with the extra 'models': ")
    assert not (library.parent / "new").exists()


def examples(language: str) -> list[str]:
    """The blocks of a language in the section on other stacks; indented lines are the commands."""
    page = (Path(__file__).parents[2] / "docs" / "situations.md").read_text(encoding="utf-8")
    section = page.partition("## Using it in your RL stack\n")[2].partition("\n## ")[0]
    if language == "commands":
        return re.findall(r"^    (beneficent situations export .*)$", section, re.MULTILINE)
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


def test_the_commands_of_the_documentation_run(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow", reason="Parquet is written by pyarrow, of the extra 'models'")
    monkeypatch.chdir(tmp_path)
    commands = examples("commands")
    assert len(commands) == 2
    for command in commands:
        done = call(*command.split()[3:], "--library", library)
        assert done.exit_code == 0, done.output


def test_the_python_of_the_documentation_runs(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    by_hand, with_trl = examples("python")
    ast.parse(with_trl)
    monkeypatch.chdir(tmp_path)
    assert call("--library", library, "--to", "jsonl", "--out", "situations-jsonl").exit_code == 0
    (tmp_path / "my_judges.py").write_text("from word_grader import grader as strict\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    exec(by_hand, {})
    assert capsys.readouterr().out.startswith("0.0 [('takes-back-the-yes', False, ''), ")


def test_every_form_is_in_the_documentation_and_in_the_help() -> None:
    page = (Path(__file__).parents[2] / "docs" / "situations.md").read_text(encoding="utf-8")
    table = page.partition("| `--to` |")[2].partition("\n\n")[0]
    named = re.findall(r"`([a-z-]+)`", " ".join(line.split("|")[1] for line in table.splitlines()[2:]))
    assert sorted(named) == sorted(TARGETS)
    text = call("--help").stdout
    assert all(f"'{target}'" in text for target in TARGETS)
