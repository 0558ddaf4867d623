"""``beneficent situations review``: mistakes that are told before anything is served."""

import socket
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner
from written_library import write_cell

from beneficent.cli.main import app
from beneficent.core.errors import BeneficentError, DataError, MissingExtraError


def refused(*arguments: object) -> BeneficentError:
    done = CliRunner().invoke(app, ["situations", "review", "--no-browser", *map(str, arguments)])
    assert isinstance(done.exception, BeneficentError), done.output
    assert done.output == ""
    return done.exception


def test_a_missing_extra_is_named_with_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cell(tmp_path)
    for module in ("fastapi", "uvicorn", "ruamel.yaml"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            error = refused(tmp_path, "--port", "0")
        assert isinstance(error, MissingExtraError)
        assert f"'{module}' is not installed; it comes with the extra 'web': " in str(error)
        assert "fastapi" in str(error).partition("install ")[2]


def test_mistakes_of_a_new_user(tmp_path: Path) -> None:
    assert isinstance(refused(tmp_path / "nowhere"), DataError)
    write_cell(tmp_path)
    assert "a token is needed" in str(refused(tmp_path, "--host", "192.0.2.7"))
    assert "allowed are 16 or more" in str(refused(tmp_path, "--token", "short"))
    assert "cannot be served" in str(refused(tmp_path, "--host", "192.0.2.7", "--token", "x" * 16))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1 port {port} cannot be served: " in str(refused(tmp_path, "--port", port))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["health", "truthfulness.yaml"]
