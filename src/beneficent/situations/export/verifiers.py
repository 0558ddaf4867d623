"""verifiers: an installable taskset package, graded by ``beneficent.rewards.grade``."""

from collections.abc import Sequence

from beneficent.situations.definitions import HEADER
from beneficent.situations.export.formats import Files, filled, json_lines, readme
from beneficent.situations.export.options import Options
from beneficent.situations.rows import graded_values
from beneficent.situations.types import WrittenSituation

_PACKAGE = "beneficent_situations"


def export_verifiers(situations: Sequence[WrittenSituation], options: Options) -> Files:
    """A package with its ``pyproject.toml``: the taskset, and the situations of both splits as JSON lines."""
    return {
        "pyproject.toml": filled("verifiers_pyproject.toml.jinja", canary=HEADER),
        "README.md": readme("verifiers.md.jinja", situations),
        f"{_PACKAGE}/__init__.py": filled("verifiers_init.py.jinja"),
        f"{_PACKAGE}/taskset.py": filled("verifiers_taskset.py.jinja"),
        f"{_PACKAGE}/situations.jsonl": json_lines(list(map(graded_values, situations))),
    }
