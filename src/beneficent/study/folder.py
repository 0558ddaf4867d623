"""The run folder: what lies where, and the check that it belongs to the recipe at hand.

::

    run.json            format, digests, when it was begun
    recipe.toml         the resolved recipe
    environment.json    one entry for every machine or installation that worked on it
    arms/<arm>-<seed>/  policy/ (Hugging Face), steps/, rollouts/, done.json; checkpoint/ while training
    scores/<arm>-<seed>/<condition>/   one row per item, done.json
    ledger.json         what was spent, by arm and seed and in all
    attacks/<arm>-<seed>/<group>/      the same under attack; check.json
    beside/<source>/    the same study in another source, a run folder of its own
    results.json, report.html, and figures/ where 'beneficent report' was asked for them
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from beneficent import __version__
from beneficent.core.errors import BeneficentError, CorruptFileError, RecipeError
from beneficent.core.files import naming_file, read_json, write_json, write_text
from beneficent.core.hashing import bytes_digest
from beneficent.study.plan import Step
from beneficent.study.recipe import Recipe, as_toml, parse_recipe

FORMAT = 1


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of one run; ``open_folder`` makes or checks it."""

    path: Path

    @property
    def results(self) -> Path:
        return self.path / "results.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def preregistration(self) -> Path:
        return self.path / "preregistration.json"

    def beside(self, source: str) -> Path:
        """The run folder of the same study in another source."""
        return self.path / "beside" / re.sub(r"[^A-Za-z0-9.-]+", "-", source)

    def of(self, step: Step) -> Path:
        """The step's own folder."""
        return self.path / step.folder

    def is_done(self, step: Step) -> bool:
        """Whether the step's marker is there."""
        return (self.path / step.marker).is_file()

    def recipe(self) -> Recipe:
        """The recipe this folder was begun with.

        Raises:
            CorruptFileError: it was changed since.
            BeneficentError: this is no run folder.
        """
        path = self.path / "recipe.toml"
        begun = self.begun()
        with naming_file(path):
            data = path.read_bytes()
        if bytes_digest(data) != begun["recipe_sha256"]:
            raise CorruptFileError(f"{path} was changed since the run was begun; put it back, or choose another folder")
        return parse_recipe(data.decode(), str(path))

    def begun(self) -> dict[str, Any]:
        """What ``run.json`` says."""
        path = self.path / "run.json"
        if not path.is_file():
            raise BeneficentError(f"{self.path} is no run folder: it has no run.json")
        value = read_json(path)
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise CorruptFileError(f"{path} is damaged, or of another format than {FORMAT}")
        return value


def default_folder(recipe: Recipe, source_digest: str) -> Path:
    """``runs/<recipe>-<digest>``: another recipe or another source is another folder."""
    return Path("runs") / f"{recipe.name}-{recipe.digest(source_digest)}"


def open_folder(path: Path, recipe: Recipe, source_digest: str) -> RunFolder:
    """The folder for this run, made if it is new.

    Raises:
        RecipeError: it was begun with another recipe, source or version; the message names what differs.
        BeneficentError: it holds something else.
        CorruptFileError: its own files are damaged.
    """
    folder = RunFolder(path)
    if (path / "run.json").is_file():
        _check_same(folder, recipe, source_digest)
        return folder
    if path.is_file() or (path.is_dir() and any(_is_foreign(child.name) for child in path.iterdir())):
        raise BeneficentError(f"{path} is there already and is no run folder; choose another with --out")
    text = as_toml(recipe)
    write_text(path / "recipe.toml", text)
    write_json(
        path / "run.json",
        {
            "format": FORMAT,
            "recipe": recipe.name,
            "digest": recipe.digest(source_digest),
            "recipe_sha256": bytes_digest(text.encode()),
            "source_digest": source_digest,
            "version": __version__,
            "begun": now(),
        },
    )
    return folder


def note_environment(folder: RunFolder, facts: Mapping[str, Any]) -> None:
    """Add this machine and installation to ``environment.json``, unless it is the last one there."""
    path = folder.path / "environment.json"
    known = read_json(path) if path.is_file() else []
    if not known or known[-1] != facts:
        write_json(path, [*known, dict(facts)])


def note_training(folder: RunFolder) -> None:
    """Write down when training first began; a preregistration has to be older."""
    begun = folder.begun()
    if "training_begun" not in begun:
        write_json(folder.path / "run.json", {**begun, "training_begun": now()})


def remove_folder(path: Path) -> None:
    """Delete a folder that is not needed any more; a folder that is not there is fine."""
    if path.is_dir():
        with naming_file(path):
            shutil.rmtree(path)


def now() -> str:
    """This moment in UTC, ISO format, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _is_foreign(name: str) -> bool:
    # The recipe alone is what a run leaves that was killed in its first moment.
    return not name.startswith(".") and name != "recipe.toml"


def _check_same(folder: RunFolder, recipe: Recipe, source_digest: str) -> None:
    begun = folder.begun()
    before = {**_flat(folder.recipe().resolved()), "source digest": begun["source_digest"], "version": begun["version"]}
    here = {**_flat(recipe.resolved()), "source digest": source_digest, "version": __version__}
    differing = [key for key in sorted({*before, *here} - {"description"}) if before.get(key) != here.get(key)]
    if differing:
        lines = [f"  {key}: {before.get(key, 'off')!r} there, {here.get(key, 'off')!r} now" for key in differing]
        raise RecipeError(
            "\n".join([f"{folder.path} was begun with other settings; choose another folder with --out:", *lines])
        )


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in table.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found
