"""The project's own rules (CONTRIBUTING.md numbers them), as tests: a rule that a test enforces needs no reviewer."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "beneficent"
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60
MOST_BYTES_OF_A_FILE = 8_000_000
MOST_BYTES_OF_ALL_CHECKPOINTS = 16_000_000
UNTESTED_EXTRAS = {"vllm", "ray"}
"""Left out of constraints.txt: vLLM brings its own pin of torch, and Ray is for clusters."""
CORE = {"torch", "transformers", "safetensors", "numpy", "scipy", "polars", "pydantic", "typer", "rich"}
CORE |= {"altair", "vl-convert-python", "jinja2", "pyyaml"}
EXTRAS = {
    "models": {"peft", "accelerate", "datasets", "huggingface-hub"},
    "tasks": {"reasoning-gym"},
    "api": {"inspect-ai", "openai"},
    "inspect": {"inspect-evals"},
    "trl": {"trl"},
    "vllm": {"trl"},
    "ray": {"ray"},
    "web": {"fastapi", "uvicorn", "ruamel-yaml"},
}
MODULES_OF_EXTRAS = {name.removesuffix("-yaml").replace("-", "_") for extra in EXTRAS.values() for name in extra}
MODULES_OF_EXTRAS.add("vllm")
HEAVY = ("torch", "transformers", "scipy", "altair", "vl_convert", "polars")
HOSTS = {
    "arxiv.org",
    "download.pytorch.org",
    "github.com",
    "huggingface.co",
    "json-schema.org",
    "keepachangelog.com",
    "localhost",
    "semver.org",
    "vega.github.io",
    "www.apache.org",
    "www.w3.org",
}
"""Hosts that tracked files may name: public ones, which a reader can open."""


@cache
def tracked() -> tuple[Path, ...]:
    """Files that git tracks or would track; skips the test where this is no git checkout."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        pytest.skip("not a git checkout")
    files = (ROOT / name for name in answer.stdout.split("\0") if name)
    return tuple(file for file in files if file.is_file())


def texts() -> Iterator[tuple[Path, str]]:
    for file in tracked():
        data = file.read_bytes()
        if b"\0" not in data[:8192] and file.suffix != ".safetensors":
            yield file.relative_to(ROOT), data.decode("utf-8")


@cache
def trees() -> tuple[tuple[Path, ast.Module], ...]:
    files = sorted(PACKAGE.rglob("*.py"))
    return tuple((file.relative_to(PACKAGE), ast.parse(file.read_text("utf-8"), filename=str(file))) for file in files)


@cache
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@cache
def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs), "every line of constraints.txt reads name==version"
    names = [canonicalize_name(name) for name, _ in pairs]
    assert len(names) == len(set(names)), "constraints.txt pins a package twice"
    return dict(zip(names, (version for _, version in pairs), strict=True))


def imported_modules(nodes: Iterator[ast.AST]) -> Iterator[tuple[int, str]]:
    """Line and full name of every absolute import among ``nodes``."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module


def at_import_time(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported: not the bodies of functions, not type-checking blocks."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from at_import_time(child)


def run_python(code: str) -> str:
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_imports_point_one_way() -> None:
    lint_imports = Path(sys.executable).parent / "lint-imports"
    answer = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import beneficent",
        "import beneficent.cli.main",
        "import sys; sys.argv = ['beneficent', '--help']\n"
        "from beneficent.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code",
    ],
)
def test_starting_loads_nothing_heavy(code: str) -> None:
    printed = run_python(f"{code}\nimport sys\nprint('LOADED', [name for name in {HEAVY} if name in sys.modules])")
    assert printed.strip().endswith("LOADED []"), "import these inside the functions that use them: " + printed[-200:]


def test_policy_and_training_run_on_any_gpu_machine() -> None:
    allowed = {*sys.stdlib_module_names, "beneficent", "torch", "transformers", "numpy", "safetensors"}
    wrong = []
    for file, tree in trees():
        if file.parts[0] in ("policy", "training"):
            modules = {name.split(".")[0] for _, name in imported_modules(at_import_time(tree))}
            wrong += [f"{file}: {module}" for module in sorted(modules - allowed)]
    assert not wrong, f"policy/ and training/ import only torch, transformers, numpy and safetensors: {wrong}"


def test_extras_are_imported_late() -> None:
    wrong = [
        f"{file}:{line}: {name}"
        for file, tree in trees()
        for line, name in imported_modules(at_import_time(tree))
        if name.split(".")[0] in MODULES_OF_EXTRAS
    ]
    assert not wrong, (
        f"import modules of extras inside the function that uses them (core.installation.require): {wrong}"
    )


def test_only_the_registry_names_the_lab() -> None:
    wrong = []
    for file, tree in trees():
        if file.parts[0] == "lab" or file == Path("study/registry.py"):
            continue
        wrong += [
            f"{file}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "beneficent.lab" in node.value
        ]
    assert not wrong, f"nothing outside lab/ and study/registry.py knows that the lab exists: {wrong}"


def test_files_and_functions_stay_small() -> None:
    wrong = []
    for file, tree in trees():
        num_lines = (PACKAGE / file).read_text("utf-8").count("\n")
        if num_lines > MOST_LINES_OF_A_FILE:
            wrong.append(f"{file} has {num_lines} lines (at most {MOST_LINES_OF_A_FILE})")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MOST_LINES_OF_A_FUNCTION:
                    wrong.append(f"{file}:{node.lineno} {node.name} has {length} lines ({MOST_LINES_OF_A_FUNCTION})")
    assert not wrong, "split these by what they do:\n" + "\n".join(wrong)


def test_no_file_names_the_machine_it_was_written_on() -> None:
    folders = "|".join(["home", "Users", "root", "work", "workspace", "mnt", "opt", "scratch"])
    absolute = re.compile(rf"(?<![\w.~)}}\]-])/(?:{folders})/\w")
    wrong = [
        f"{file}:{number}: {line.strip()[:100]}"
        for file, text in texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if absolute.search(line)
    ]
    assert not wrong, "write paths relative to the project:\n" + "\n".join(wrong)


def test_files_name_only_public_hosts() -> None:
    url = re.compile(r"https?://(?:[^/\s@]+@)?([A-Za-z0-9.-]+)")
    reserved = re.compile(r"(^|\.)example(\.(com|org|net))?$|^127\.0\.0\.1$")
    wrong = [
        f"{file}: {host}"
        for file, text in texts()
        for host in set(url.findall(text))
        if host not in HOSTS and not reserved.search(host)
    ]
    assert not wrong, f"not on this file's list of public hosts: {sorted(wrong)}"


def test_tracked_files_are_small() -> None:
    sizes = {file.relative_to(ROOT): file.stat().st_size for file in tracked()}
    assert {file: size for file, size in sizes.items() if size > MOST_BYTES_OF_A_FILE} == {}
    checkpoints = [size for file, size in sizes.items() if file.suffix == ".safetensors"]
    assert sum(checkpoints) <= MOST_BYTES_OF_ALL_CHECKPOINTS


def test_every_data_file_of_the_package_is_shipped() -> None:
    patterns = pyproject()["tool"]["setuptools"]["package-data"]["beneficent"]
    suffixes = {PurePosixPath(pattern).name.removeprefix("*") for pattern in patterns}
    wrong = [
        str(file.relative_to(ROOT))
        for file in tracked()
        if PACKAGE in file.parents and file.suffix != ".py" and not any(file.name.endswith(end) for end in suffixes)
    ]
    assert not wrong, f"add their endings to package-data in pyproject.toml: {wrong}"


def test_dependencies_are_those_of_the_design() -> None:
    project = pyproject()["project"]

    def names(lines: list[str]) -> set[str]:
        return {canonicalize_name(Requirement(line).name) for line in lines}

    assert names(project["dependencies"]) == CORE
    extras = {extra: names(lines) for extra, lines in project["optional-dependencies"].items() if extra != "dev"}
    assert extras == EXTRAS


def test_constraints_pin_every_dependency_inside_its_range() -> None:
    project = pyproject()["project"]
    lines = list(project["dependencies"])
    for extra, wanted in project["optional-dependencies"].items():
        if extra not in UNTESTED_EXTRAS:
            lines += [line for line in wanted if Requirement(line).name != project["name"]]
    wrong = []
    for line in lines:
        requirement = Requirement(line)
        pin = pins().get(canonicalize_name(requirement.name))
        if pin is None or Version(pin) not in requirement.specifier:
            wrong.append(f"{line}: pinned at {pin}")
    assert not wrong, f"constraints.txt and pyproject.toml disagree: {wrong}"
    assert pins()["torch"] == "2.13.0"
    assert "setuptools" in pins(), "the build tool is part of the tested set (tools/setup.py installs it)"


def test_links_between_documents_lead_somewhere() -> None:
    link = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
    wrong = [
        f"{file}: {target}"
        for file, text in texts()
        if file.suffix == ".md"
        for target in link.findall(text)
        if not (ROOT / file.parent / target).exists()
    ]
    assert not wrong, f"links to files that are not there: {wrong}"


SETTINGS = (
    "beneficent.training.settings.TrainingSettings",
    "beneficent.study.recipe.PolicySection",
    "beneficent.study.recipe.ScoringSection",
    "beneficent.study.recipe.MediationSection",
    "beneficent.study.recipe.AttacksSection",
    "beneficent.training.examples.SupervisedSettings",
    "beneficent.grading.judge.JudgeSettings",
    "beneficent.analysis.settings.AnswerSettings",
    "beneficent.lab.language.world.World",
    "beneficent.lab.pretraining.Pretraining",
)
"""Every place that holds defaults; each has a table of its own in docs/paper-index.md."""


def as_written(value: Any) -> str:
    """A default as docs/paper-index.md writes it: ``none``, ``true``, ``helpfulness, style``, ``0.05``."""
    if isinstance(value, tuple):
        return ", ".join(as_written(part) for part in value)
    if isinstance(value, float):
        return f"{value:.12g}" if value % 1 else f"{value:.1f}"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def keys_of(settings: Any) -> list[str]:
    """Names of the settings of a dataclass or a pydantic model."""
    return list(getattr(type(settings), "model_fields", None) or type(settings).__dataclass_fields__)


@pytest.mark.parametrize("place", SETTINGS)
def test_every_default_has_its_source(place: str) -> None:
    module, _, name = place.rpartition(".")
    defaults = getattr(importlib.import_module(module), name)()
    wanted = {key: as_written(getattr(defaults, key)) for key in keys_of(defaults)}
    page = (ROOT / "docs" / "paper-index.md").read_text()
    _, _, section = page.partition(f"### `{place}`\n")
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|([^|]*)\|([^|]*)\|$", section.split("\n#")[0], flags=re.MULTILINE)
    assert {key: value.strip() for key, value, _, _ in rows} == wanted, f"the rows of {place} in docs/paper-index.md"
    allowed = {"abstract", "as reported", "ours", "ours, measured", "as reported; ours", "ours; as reported"}
    assert [row for row in rows if row[2].strip() not in allowed or not row[3].strip()] == [], "a source and a reason"


def test_what_the_committed_recipes_change_has_its_source() -> None:
    from beneficent.study.recipe import load_recipe

    page = (ROOT / "docs" / "paper-index.md").read_text()
    section = page.partition("### The lab's recipes\n")[2].partition("\n#")[0]
    for file in sorted((ROOT / "recipes").glob("lab*.toml")):
        recipe = load_recipe(str(file))
        assert f"`{recipe.name}`" in section
        assert all(arm == "style" or arm in page for arm in recipe.arms)
        for part in (recipe.training, recipe.scoring, recipe.policy, recipe.analysis, recipe.mediation, recipe.attacks):
            if part is None:
                continue
            default = type(part)()
            changed = [key for key in keys_of(part) if getattr(part, key) != getattr(default, key)]
            assert [key for key in changed if f"`{key}`" not in section] == [], f"{file.name}: not explained"


def test_the_code_on_the_page_about_extending_runs() -> None:
    blocks = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "docs" / "extending.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert len(blocks) >= 4
    exec("\n".join(blocks), {"__name__": "extending"})


def test_no_document_has_an_unfilled_place() -> None:
    mark = "TO " + "FILL"
    wrong = [str(file) for file, text in texts() if file.suffix == ".md" and mark in text]
    assert not wrong, f"places left open with '{mark}': {wrong}"


def test_the_version_stands_in_the_package_and_in_the_changelog() -> None:
    import beneficent

    version = pyproject()["project"]["version"]
    assert beneficent.__version__ == version
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
