import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from beneficent.core.errors import FolderInUseError
from beneficent.core.locks import folder_lock

_HOLD = """
import sys, time
from pathlib import Path
from beneficent.core.locks import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_told_who_holds_the_folder_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(FolderInUseError, match=f"{tmp_path} is in use by process {holder.pid}"),
            folder_lock(tmp_path),
        ):
            pass
        start = time.monotonic()
        with pytest.raises(FolderInUseError), folder_lock(tmp_path, wait_seconds=0.3):
            pass
        assert 0.3 <= time.monotonic() - start < 5
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with folder_lock(tmp_path / "sub"), folder_lock(tmp_path, wait_seconds=5):
            pass
    finally:
        holder.kill()
        holder.wait()


def test_the_same_process_cannot_hold_a_folder_twice(tmp_path: Path) -> None:
    with folder_lock(tmp_path / "new"), pytest.raises(FolderInUseError), folder_lock(tmp_path / "new"):
        pass
    with folder_lock(tmp_path / "new"):
        pass
