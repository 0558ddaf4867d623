import errno
import math
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from beneficent.core.errors import BeneficentError, CorruptFileError
from beneficent.core.files import explain_os_error, read_json, write_bytes, write_json
from beneficent.core.hashing import digest, file_digest


def test_a_write_replaces_the_whole_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.json"
    write_json(path, {"a": [1, None, "é"]})
    write_json(path, {"a": 2})
    assert read_json(path) == {"a": 2}
    assert [child.name for child in path.parent.iterdir()] == ["a.json"]


def test_nan_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, math.nan)
    assert read_json(path) == 1


def test_damaged_json_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a": \xff')
    with pytest.raises(CorruptFileError, match=r"a\.json is damaged"):
        read_json(path)


def test_a_place_that_cannot_be_written_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BeneficentError, match="file/a"):
        write_bytes(tmp_path / "file" / "a", b"x")


_FILL = """
import resource, sys
from pathlib import Path
from beneficent.core.errors import BeneficentError
from beneficent.core.files import write_bytes
path = Path(sys.argv[1])
write_bytes(path, b"old")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_bytes(path, b"x" * 5000)
except BeneficentError as error:
    print(error)
"""


def test_a_write_past_the_limit_of_the_disk_names_the_file_and_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.bin"
    done = subprocess.run([sys.executable, "-c", _FILL, str(path)], capture_output=True, text=True, check=True)
    assert f"{path}: cannot be written, File too large" in done.stdout
    assert "MiB free there" in done.stdout
    assert "run the same command again" in done.stdout
    assert path.read_bytes() == b"old"
    assert [child.name for child in tmp_path.iterdir()] == ["rows.bin"]


def test_a_full_disk_is_told_from_other_errors() -> None:
    full = explain_os_error(OSError(errno.ENOSPC, "No space left on device", "/nowhere/a"))
    assert full.startswith("/nowhere/a: cannot be written, No space left on device (")
    assert explain_os_error(PermissionError(errno.EACCES, "Permission denied"), Path("b")) == "b: Permission denied"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_digests(tmp_path: Path) -> None:
    assert digest({"b": 1, "a": (1, 2)}) == digest({"a": [1, 2], "b": 1})
    assert digest({"a": 1}) != digest({"a": 1.5})
    assert digest("") == "12ae32cb1ec02d01eda3581b127c1fee3b0dc53572ed6baf239721a03d82e126"  # sha256 of two quotes
    (tmp_path / "a").write_bytes(b"abc")
    assert file_digest(tmp_path / "a").startswith("ba7816bf8f01cfea")
