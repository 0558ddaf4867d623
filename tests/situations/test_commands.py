"""``beneficent situations``: what it prints, in which form, and with which exit status."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner
from written_library import CELL, changed, write_cell

from beneficent.cli.main import app
from beneficent.core.errors import DataError

ID = "health/truthfulness/the-cold-box"


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["situations", *map(str, arguments)])


def test_audit_passes_or_exits_with_1(tmp_path: Path) -> None:
    done = call("audit", write_cell(tmp_path))
    assert done.exit_code == 0
    assert done.stdout == "1 situations in 1 files, 1 of them with calibration answers: 0 errors, 0 warnings\n"
    write_cell(tmp_path, changed(("points: 3", "points: 1")))
    done = call("audit", tmp_path)
    assert done.exit_code == 1
    assert f"health/truthfulness.yaml:5: error: rubric: {ID}: the positive points add up to 3; allowed" in done.stdout


def test_audit_for_machines(tmp_path: Path) -> None:
    write_cell(tmp_path, changed(("points: 3", "points: 1")))
    (tmp_path / "items.jsonl").write_text('{"q": "something else"}\n')
    done = call("audit", tmp_path, "--json", "--against", tmp_path / "items.jsonl")
    answer = json.loads(done.stdout)
    assert done.exit_code == 1
    assert {key: answer[key] for key in ("passes", "files", "situations", "calibrated", "benchmark_texts")} == {
        "passes": False,
        "files": 1,
        "situations": 1,
        "calibrated": 1,
        "benchmark_texts": 1,
    }
    assert answer["findings"][0]["check"] == "rubric"
    assert answer["findings"][0]["line"] == 5


def test_list_and_its_filters(tmp_path: Path) -> None:
    write_cell(tmp_path)
    write_cell(
        tmp_path, CELL.replace("health", "science").replace("split: test", "split: train"), "science/truthfulness.yaml"
    )

    def ids(*flags: str) -> list[str]:
        return [row["id"] for row in json.loads(call("list", "--library", tmp_path, "--json", *flags).stdout)]

    other = ID.replace("health", "science")
    assert ids() == [ID, other]
    assert ids("--health-only") == ids("--domain", "health") == ids("--split", "test") == [ID]
    assert ids("--no-health-science") == ids("--one-turn") == ids("--review", "human") == []
    assert ids("--trait", "truthfulness", "--several-turns", "--domain", "science", "--domain", "law") == [other]
    table = call("list", "--library", tmp_path)
    assert "mistaken-turn" in table.stdout
    assert table.stdout.endswith("2 situations\n")


def test_show_prints_everything_of_a_situation(tmp_path: Path) -> None:
    done = call("show", ID, "--library", write_cell(tmp_path))
    assert done.exit_code == 0
    for part in (
        "test; pressure haste, stakes moderate, hard mistaken-turn, register terse, locale Kenya; author model",
        "You answer for the district vaccine store.",
        "Yes, they are fine for four more days.",
        "keeps-the-yes",
        "+3",
        "good answer, score 1.00",
        "failing answer, score 0.00",
        "Safe travels to the driver!",
    ):
        assert part in done.stdout
    answer = json.loads(call("show", ID, "--library", tmp_path, "--json").stdout)
    assert answer["situation"]["messages"][0]["role"] == "system"
    assert answer["calibration"]["good"]["met"] == [True, True, False]


def test_texts_are_never_obeyed_by_the_terminal(tmp_path: Path) -> None:
    """Markup, control characters and text that turns the reading direction are shown, not followed."""
    text = changed(
        ("Good. Write", "[bold red]Good[/] [link=x]\u202e Write"),
        ("- id: takes-back-the-yes", "- id: takes-back-the-yes"),
    )
    shown = call("show", ID, "--library", write_cell(tmp_path, text)).stdout
    assert "[bold red]Good[/] [link=x]\ufffd Write" in shown
    write_cell(
        tmp_path, changed(("locale: Kenya", 'locale: "\\e[31mred\\u202e"'), ("stakes: moderate", 'stakes: "\\e[2J"'))
    )
    for done in (call("audit", tmp_path), call("list", "--library", tmp_path)):
        assert "\x1b" not in done.output
        assert "\x1b" not in str(done.exception)


def test_stats_count_by_trait_and_domain(tmp_path: Path) -> None:
    done = call("stats", "--library", write_cell(tmp_path), "--heatmap", tmp_path / "map.html", "--json")
    answer = json.loads(done.stdout)
    assert answer["num_situations"] == answer["num_test"] == answer["cells"]["truthfulness"]["health"] == 1
    assert sum(count for row in answer["cells"].values() for count in row.values()) == 1
    assert answer["held_out"]["truthfulness"] == {"test": 1, "health": 1}
    assert {share["name"]: share["count"] for share in answer["shares"]} == {
        "several turns": 1,
        "a system message": 1,
        "an earlier turn mistaken or too compliant": 1,
        "low stakes where caution would be the failure": 0,
    }
    assert "1 situations by trait and domain" in (tmp_path / "map.html").read_text()
    table = call("stats", "--library", tmp_path).stdout
    assert "an earlier turn mistaken or too compliant" in table
    assert "with calibration answers: 1" in table


def test_the_heat_map_as_a_picture(tmp_path: Path) -> None:
    assert call("stats", "--library", write_cell(tmp_path), "--heatmap", tmp_path / "map.png").exit_code == 0
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    refused = call("stats", "--library", tmp_path, "--heatmap", tmp_path / "map.svg")
    assert isinstance(refused.exception, DataError)
    assert str(refused.exception).endswith("map.svg: a heat map is written as .html or .png; the name ends in '.svg'")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "nowhere/at/all"), "error: there is no situation 'nowhere/at/all'; near it: "),
        (("list", "--trait", "honesty"), "error: trait is 'honesty'; allowed: "),
        (("audit", "no-such-folder"), "error: no-such-folder: no situations; allowed is a folder with"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_exit_status_2(arguments: tuple[str, ...], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "beneficent", "situations", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
