"""One checkpoint of the fake source, and one finished run of it, for all tests of the study."""

from pathlib import Path

import fake_source
import pytest
import torch
from running import call, write_recipe

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    fake_source.make_checkpoint(folder)
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """The run folder of an uninterrupted run; nobody may change it."""
    base = tmp_path_factory.mktemp("finished")
    done = call("study", "run", write_recipe(base, checkpoint), "--out", base / "run", "--workers", "1")
    assert done.returncode == 0, done.stderr
    (base / "stdout.txt").write_text(done.stdout)
    return base / "run"
