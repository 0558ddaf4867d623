"""The doctor's checks: real ones on this machine, and broken machines made by hand."""

import json
import shutil
import subprocess
import sys
from collections import namedtuple
from importlib import metadata
from pathlib import Path

import pytest

from beneficent.core import installation
from beneficent.core.errors import MissingExtraError
from beneficent.core.installation import Check, Requirement


def states(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.state for check in checks}


def test_this_machine_has_a_working_core(tmp_path: Path) -> None:
    found = states(installation.examine(tmp_path))
    for name in ("python", "core packages", "torch", "device", "threads", "runs folder", "extra dev"):
        assert found[name] == "ok", name
    assert list(tmp_path.iterdir()) == []


def test_every_extra_of_the_package_is_listed(tmp_path: Path) -> None:
    extras = metadata.metadata("beneficent").get_all("Provides-Extra")
    assert [check.name for check in installation.check_extras()] == [f"extra {extra}" for extra in extras or []]


def test_an_absent_extra_comes_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [
        Requirement("pytest", "pytest>=8", "some"),
        Requirement("not-there", "not-there>=1.5", "some"),
        Requirement("pytest", "pytest[absent_part]>=8", "brackets"),
    ]
    monkeypatch.setattr(installation, "requirements", lambda: wanted)
    some, brackets = installation.check_extras()
    assert (some.state, some.detail) == ("missing", "not installed: not-there")
    assert some.remedy == f"{sys.executable} -m pip install 'pytest>=8' 'not-there>=1.5'"
    assert (brackets.state, brackets.detail) == ("missing", "not installed: absent_part")


def test_the_install_line_pins_what_the_tested_set_covers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("# a comment\nruamel-yaml==0.19.1\ntrl==1.16.0\n")
    monkeypatch.setattr(installation, "_constraints", lambda: constraints)
    covered = Requirement("ruamel.YAML", "ruamel.YAML>=0.18", "web")
    assert installation.install_line([covered]) == (
        f"{sys.executable} -m pip install -c {constraints} 'ruamel.YAML>=0.18'"
    )
    for outside in (Requirement("trl", "trl[vllm]>=1", "vllm"), Requirement("ray", "ray>=2", "ray")):
        assert "-c" not in installation.install_line([covered, outside]).split()


def test_a_missing_core_package_is_broken_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "requirements", lambda: [Requirement("not-there", "not-there>=1", None)])
    check = installation.check_core()
    assert check.state == "broken"
    assert "not-there" in check.detail


def test_a_torch_that_cannot_be_imported_is_one_broken_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (check,) = installation.check_torch()
    assert (check.name, check.state) == ("torch", "broken")


def test_a_runs_folder_that_cannot_be_written_is_broken(tmp_path: Path) -> None:
    blocker = tmp_path / "runs"
    blocker.write_text("a file where a folder should be")
    assert states(installation.check_folder(blocker))["runs folder"] == "broken"
    missing_parents = tmp_path / "a" / "b"
    assert states(installation.check_folder(missing_parents))["runs folder"] == "ok"
    assert not missing_parents.exists()


def test_a_full_disk_is_pointed_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10**12, 10**12, 5 * 10**8))
    assert states(installation.check_folder(tmp_path))["free disk"] == "missing"


def test_require_names_the_extra_and_passes_over_errors_inside_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert installation.require("json", "models") is json
    with pytest.raises(MissingExtraError, match=r"extra 'web'.*fastapi>="):
        installation.require("a_module_nobody_has", "web")
    (tmp_path / "module_with_a_fault.py").write_text("import another_module_nobody_has\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="another_module_nobody_has"):
        installation.require("module_with_a_fault", "web")


def test_the_checks_are_importable_without_torch() -> None:
    code = "import sys, beneficent.cli.doctor; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
