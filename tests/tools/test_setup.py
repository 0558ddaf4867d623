"""The set-up script: which Python it takes, when it installs, and that an unreachable index never stops it."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script with its folder moved to an empty project, so that nothing here touches the real ``.venv``."""
    spec = importlib.util.spec_from_file_location("setup_under_test", ROOT / "tools" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "setup.py").write_text("# the script")
    (tmp_path / "pyproject.toml").write_text("[project]")
    (tmp_path / "constraints.txt").write_text("torch==2.13.0\nsetuptools==84.2.1\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "beneficent-setup")
    return module


def fake_python(folder: Path, name: str, version: str, exit_status: int = 0) -> Path:
    """A program that answers the version question like an interpreter, and anything else with ``exit_status``."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f'#!/bin/sh\ncase "$2" in *version_info*) echo "{version}";; *) exit {exit_status};; esac\n')
    program.chmod(0o755)
    return program


def pip_answer(stdout: str, returncode: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], returncode, stdout, "")


def test_an_old_python_is_passed_over_for_a_newer_one_on_the_path(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    monkeypatch.setattr(sys, "executable", str(fake_python(folder, "python3", "3 9 2")))
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(setup.SetupError, match=r"Python 3\.11 or newer is needed"):
        setup.find_python()
    broken_shim = fake_python(folder, "python3.13", "")
    newer = fake_python(folder, "python3.12", "3 12 1")
    assert setup.find_python() == str(newer)
    broken_shim.unlink()
    assert setup.find_python() == str(newer)


def test_a_python_without_venv_is_told_what_to_install(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(fake_python(tmp_path / "bin", "python3", "3 12 4", exit_status=1)))
    with pytest.raises(setup.SetupError, match=r"apt-get install python3\.12-venv"):
        setup.make_venv()


def test_the_stamp_depends_on_everything_that_decides_what_is_installed(setup: ModuleType, tmp_path: Path) -> None:
    key = setup.stamp_key((3, 11, 7), tmp_path)
    assert setup.stamp_key((3, 11, 7), tmp_path) == key
    assert setup.stamp_key((3, 12, 1), tmp_path) != key
    for name in ("pyproject.toml", "constraints.txt", "tools/setup.py"):
        (tmp_path / name).write_text((tmp_path / name).read_text() + "# changed\n")
        assert setup.stamp_key((3, 11, 7), tmp_path) != key
        key = setup.stamp_key((3, 11, 7), tmp_path)


def test_a_second_call_installs_nothing_and_a_failed_one_leaves_no_stamp(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    setup.VENV.mkdir()
    monkeypatch.setattr(setup, "version_of", lambda python: (3, 11, 7))
    monkeypatch.setattr(setup, "prefers_cpu_build", lambda: False)
    calls: list[tuple[str, ...]] = []
    status = [1]

    def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
        calls.append(arguments)
        return pip_answer("the message of pip", status[0])

    monkeypatch.setattr(setup, "pip", pip)
    assert setup.main() == 1
    assert "the message of pip" in capsys.readouterr().err
    assert not setup.STAMP.exists()
    status[0] = 0
    calls.clear()
    assert setup.main() == 0
    assert [call[-1] for call in calls] == ["setuptools", f"{setup.ROOT}[dev]"]
    assert all("constraints.txt" in call[3] for call in calls)
    calls.clear()
    assert setup.main() == 0
    assert calls == []


def test_an_unreachable_index_falls_back_to_the_plain_build(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[tuple[str, ...]] = []

    def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
        calls.append(arguments)
        return pip_answer("", returncode=1)

    monkeypatch.setattr(setup, "pip", pip)
    setup.install_cpu_torch("2.13.0")
    assert "plain build" in capsys.readouterr().out
    assert not [call for call in calls if call[0] == "install"]
    asked = [call for call in calls if call[:2] == ("index", "versions")]
    assert len(asked) == 2
    assert all(call[3:7] == ("--retries", "0", "--timeout", "5") for call in asked)


@pytest.mark.parametrize(
    ("own", "official", "expected"),
    [
        ("Available versions: 2.13.0+cpu, 2.12.0\n", "", []),
        ("Available versions: 2.13.0, 2.12.0\n  INSTALLED: 2.13.0+cpu\n", "Available versions: 2.13.0+cpu\n", "index"),
        ("Available versions: 12.13.0+cpu, 2.13.0\n", "Available versions: 2.13.0\n", None),
    ],
)
def test_the_cpu_build_is_looked_for_at_home_first(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, own: str, official: str, expected: list[str] | str | None
) -> None:
    monkeypatch.setattr(setup, "pip", lambda *words: pip_answer(official if "--index-url" in words else own))
    wanted = ["--index-url", setup.CPU_INDEX] if expected == "index" else expected
    assert setup.cpu_build_source("2.13.0") == wanted


def test_a_torch_of_the_pinned_version_is_left_alone(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, ...]] = []

    def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
        calls.append(arguments)
        return pip_answer("Name: torch\nVersion: 2.13.0+cpu\n")

    monkeypatch.setattr(setup, "pip", pip)
    setup.install_cpu_torch("2.13.0")
    assert calls == [("show", "torch")]


def test_make_says_what_is_wrong_without_a_python() -> None:
    command = ["make", "PYTHON=no-such-python", "setup"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode != 0
    assert "no 'no-such-python' on the PATH" in answer.stderr
