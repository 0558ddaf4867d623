import resource
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from beneficent.cli.study import read_devices


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "beneficent", *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def test_help_answers_at_once() -> None:
    """In processor seconds, because the wall clock of a busy machine says nothing about the command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = call("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5
    for command in ("study", "lab", "doctor"):
        assert command in done.stdout


@pytest.mark.parametrize(
    "command", [("study",), ("study", "run"), ("study", "show"), ("study", "steps"), ("study", "preregister"), ("lab",)]
)
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    assert call(*command, "--help").returncode == 0


def test_what_the_user_can_mend_is_one_line_and_exit_status_2(tmp_path: Path) -> None:
    recipe = tmp_path / "a.toml"
    recipe.write_text("name = 3")
    for arguments, message in [
        (
            ("study", "run", "no-such"),
            "error: there is no recipe 'no-such'; allowed are lab, lab-null, lab-overoptimise, ",
        ),
        (("study", "run", str(recipe)), f"error: {recipe}: name is 3; allowed is: a valid string"),
        (("study", "show", str(tmp_path)), f"error: {tmp_path} is no run folder"),
        (("study", "steps", str(tmp_path)), f"error: {tmp_path} is no run folder"),
    ]:
        done = call(*arguments)
        assert done.returncode == 2
        assert done.stderr.startswith(message)
        assert done.stdout == ""
        assert "Traceback" not in done.stderr


def test_the_lab_speaks_to_machines_too() -> None:
    assert "--json" in call("lab", "--help").stdout


def test_devices() -> None:
    assert read_devices("cpu") == ("cpu",)
    assert read_devices("3") == ("cuda:3",)
    assert read_devices("0,2-4") == ("cuda:0", "cuda:2", "cuda:3", "cuda:4")
    for wrong in ("", "gpu", "0-", "-1", "0,0", "2-1", "0;1"):
        with pytest.raises(typer.BadParameter, match="--devices is"):
            read_devices(wrong)


def test_version() -> None:
    import beneficent

    assert call("--version").stdout.strip() == beneficent.__version__
