"""``beneficent doctor`` as a user meets it."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from beneficent.cli.doctor import doctor
from beneficent.core import installation
from beneficent.core.installation import Check

app = typer.Typer()
app.command()(doctor)


def test_json_holds_every_check_and_exits_with_0(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--json", "--out", str(tmp_path)])
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert answer["works"] is True
    assert {"python", "torch", "device", "free disk"} <= {check["name"] for check in answer["checks"]}


def test_a_broken_core_exits_with_1_and_an_absent_extra_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remedy = "python -m pip install " + " ".join(f"'package-{number}>=1'" for number in range(20))
    absent = Check("extra web", "missing", "not installed: [bold]x[/bold]", remedy)
    monkeypatch.setattr(installation, "check_extras", lambda: [absent])
    monkeypatch.setattr(installation, "check_torch", lambda: Check("torch", "ok", "2.13.0"))
    result = CliRunner().invoke(app, ["--out", str(tmp_path)])
    assert result.exit_code == 0
    assert remedy in result.stdout, "an install line must not be wrapped"
    assert "[bold]x[/bold]" in result.stdout, "details are text, not markup"

    monkeypatch.setattr(installation, "check_torch", lambda: Check("torch", "broken", "ImportError: no"))
    result = CliRunner().invoke(app, ["--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "The core is broken" in result.stdout
