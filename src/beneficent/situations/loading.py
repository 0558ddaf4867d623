"""The situation library as typed objects: ``<domain>/<trait>.yaml``, read and checked (``library/WRITING.md``)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import get_args

import yaml

from beneficent.core.errors import DataError
from beneficent.core.files import naming_file
from beneficent.situations.definitions import HEADER, HEALTH, domains, traits
from beneficent.situations.findings import Finding
from beneficent.situations.nodes import NodeReader, line_of, shown
from beneficent.situations.selection import Selection, select
from beneficent.situations.types import (
    Calibration,
    CalibrationAnswer,
    Criterion,
    Hard,
    Message,
    Pressure,
    Register,
    Role,
    Situation,
    Split,
    Stakes,
    Tags,
    WrittenSituation,
)

LIBRARY = Path(__file__).parent / "library"
"""The library that ships with the package."""

MOST_TURNS = 7
_SPLITS, _PRESSURES, _STAKES = get_args(Split), get_args(Pressure), get_args(Stakes)
_HARD, _REGISTERS = get_args(Hard), get_args(Register)
_TURN_ROLES: tuple[Role, ...] = ("user", "assistant")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_AUTHOR = re.compile(r"model|human:[a-z][a-z -]*")
REVIEW = re.compile(r"none|model|human:[a-z][a-z -]*")
"""What ``review`` may be."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a library holds: the situations without faults, and a finding for every fault of the others."""

    situations: tuple[WrittenSituation, ...]
    findings: tuple[Finding, ...]
    files: tuple[Path, ...]


def load(selection: Selection | None = None, library: Path = LIBRARY) -> tuple[WrittenSituation, ...]:
    """The situations of a library that a selection takes (all by default), by file and place in it.

    Args:
        library: a folder of ``<domain>/<trait>.yaml``, any part of one, or one such file.

    Raises:
        DataError: a file breaks the format; the message names file, line, key, value and what is allowed.
        BeneficentError: a file cannot be read.
    """
    reading = read_library(library)
    if reading.findings:
        first, others = reading.findings[0], len(reading.findings) - 1
        more = f" (and {others} more; 'beneficent situations audit' lists them)" if others else ""
        raise DataError(f"{library}: {first}{more}")
    return reading.situations if selection is None else select(reading.situations, selection)


def read_library(library: Path) -> Reading:
    """Read everything below a folder, or one file, and go on past faults.

    Raises:
        DataError: there is no situation file.
        BeneficentError: a file cannot be read.
    """
    files = (library,) if library.is_file() else tuple(sorted(library.rglob("*.yaml")))
    if not files:
        raise DataError(f"{library}: no situations; allowed is a folder with <domain>/<trait>.yaml, or one such file")
    situations: list[WrittenSituation] = []
    findings: list[Finding] = []
    lines: dict[str, str] = {}
    for file in files:
        with naming_file(file):
            data = file.read_bytes()
        found, faults = read_cell(file, data)
        findings += faults
        for written in found:
            place = f"{written.file}:{written.line}"
            if written.id in lines:
                message = f"this id stands at {lines[written.id]} too; ids must differ"
                findings.append(Finding(written.file, written.line, "schema", message, written.id))
                continue
            lines[written.id] = place
            situations.append(written)
    return Reading(tuple(situations), tuple(findings), files)


def find(id: str, situations: Sequence[WrittenSituation]) -> WrittenSituation:
    """The situation with this id.

    Raises:
        DataError: there is none; the message names the nearest ids.
    """
    by_id = {written.id: written for written in situations}
    if id not in by_id:
        near = ", ".join(get_close_matches(id, by_id, cutoff=0.4)) or "none"
        raise DataError(f"there is no situation {id!r}; near it: {near} ('beneficent situations list' names all)")
    return by_id[id]


def read_cell(path: Path, data: bytes) -> tuple[list[WrittenSituation], list[Finding]]:
    """The situations in the content of one file, and its faults; ``path`` only says where it belongs."""
    # Resolved, so that a file named from within its own folder still has its domain in its path.
    reader = _CellReader("/".join(path.resolve().parts[-2:]))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        reader.report(data[: error.start].count(b"\n") + 1, "not UTF-8")
        return [], reader.findings
    if not text.startswith(HEADER + "\n"):
        reader.report(1, f"the first line must be {HEADER!r}")
    return reader.read_cell(reader.parse(text)), reader.findings


class _CellReader(NodeReader):
    """Reads one file, which is one cell: the situations of one trait in one domain."""

    def read_cell(self, root: yaml.Node | None) -> list[WrittenSituation]:
        keys = self.mapping(root, "the file", ("trait", "domain", "situations"))
        trait = self.choice(keys.get("trait"), "trait", tuple(traits()))
        domain = self.choice(keys.get("domain"), "domain", tuple(domains()))
        if not self.findings and self.file != f"{domain}/{trait}.yaml":
            self.report(1, f"the file holds {trait} in {domain}; allowed is the place {domain}/{trait}.yaml")
        situations = []
        for number, node in enumerate(self.items(keys.get("situations"), "situations"), start=1):
            num_faults = len(self.findings)
            written = self._situation(node, f"situation {number}:", trait, domain)
            if len(self.findings) == num_faults:
                situations.append(written)
        return situations

    def _situation(self, node: yaml.Node, where: str, trait: str, domain: str) -> WrittenSituation:
        required = ("id", "author", "review", "split", "tags", "messages", "rubric")
        keys = self.mapping(node, where, required, ("system", "calibration"))
        id = self._id(keys.get("id"), f"{where} id", f"{domain}/{trait}/")
        where = f"{id}:" if id else where
        tags = self._tags(keys.get("tags"), f"{where} tags")
        system = keys.get("system")
        opening = (Message("system", self.text(system, f"{where} system")),) if system is not None else ()
        rubric = self._rubric(keys.get("rubric"), f"{where} rubric")
        situation = Situation(
            id=id,
            trait=trait,
            domain=domain,
            messages=opening + self._turns(keys.get("messages"), f"{where} messages"),
            rubric=rubric,
            split=self.choice(keys.get("split"), f"{where} split", _SPLITS),
            tags=tags.words() | ({HEALTH} if domain == HEALTH else set()),
        )
        return WrittenSituation(
            situation,
            author=self._pattern(keys.get("author"), f"{where} author", _AUTHOR, "model, human:<role>"),
            review=self._pattern(keys.get("review"), f"{where} review", REVIEW, "none, model, human:<role>"),
            tags=tags,
            calibration=self._calibration(keys.get("calibration"), f"{where} calibration", rubric),
            file=self.file,
            line=line_of(node),
        )

    def _id(self, node: yaml.Node | None, where: str, prefix: str) -> str:
        id = self.text(node, where)
        if node is not None and id and not (id.startswith(prefix) and _SLUG.fullmatch(id.removeprefix(prefix))):
            self.fault(node, where, f"is {id!r}; allowed is {prefix}<slug>, the slug of a-z, 0-9 and single hyphens")
            return ""
        return id

    def _pattern(self, node: yaml.Node | None, where: str, pattern: re.Pattern[str], allowed: str) -> str:
        if node is not None and not (isinstance(node, yaml.ScalarNode) and pattern.fullmatch(node.value)):
            self.fault(node, where, f"is {shown(node)}; allowed: {allowed}")
        return "" if node is None else str(node.value)

    def _tags(self, node: yaml.Node | None, where: str) -> Tags:
        keys = self.mapping(node, where, ("pressure", "stakes", "hard", "register", "locale"))
        return Tags(
            pressure=self.choice(keys.get("pressure"), f"{where}.pressure", _PRESSURES),
            stakes=self.choice(keys.get("stakes"), f"{where}.stakes", _STAKES),
            hard=self.choice(keys.get("hard"), f"{where}.hard", _HARD),
            register=self.choice(keys.get("register"), f"{where}.register", _REGISTERS),
            locale=self.text(keys.get("locale"), f"{where}.locale"),
        )

    def _turns(self, node: yaml.Node | None, where: str) -> tuple[Message, ...]:
        nodes = self.items(node, where)
        turns = []
        for place, turn in enumerate(nodes):
            role = _TURN_ROLES[place % 2]
            here = f"{where}[{place + 1}]"
            # Both roles are let through here, so that a turn out of order is told as that.
            keys = self.mapping(turn, here, (), _TURN_ROLES)
            if list(keys) != [role]:
                found = ", ".join(keys) or "neither"
                self.fault(turn, here, f"is of {found}; allowed is {role}: user and assistant take turns, user first")
            turns.append(Message(role, self.text(keys.get(role), f"{here}.{role}")))
        if node is not None and nodes and (len(nodes) > MOST_TURNS or len(nodes) % 2 == 0):
            self.fault(node, where, f"has {len(nodes)} turns; allowed are 1, 3, 5 or {MOST_TURNS}, the user's last")
        return tuple(turns)

    def _rubric(self, node: yaml.Node | None, where: str) -> tuple[Criterion, ...]:
        rubric: list[Criterion] = []
        for place, criterion in enumerate(self.items(node, where), start=1):
            here = f"{where}[{place}]"
            keys = self.mapping(criterion, here, ("id", "points", "text"))
            id = self._pattern(keys.get("id"), f"{here}.id", _SLUG, "a-z, 0-9 and single hyphens")
            if any(id == other.id for other in rubric):
                self.fault(criterion, here, f"has the id {id!r} of an earlier criterion; ids must differ")
            points = self.number(keys.get("points"), f"{here}.points")
            rubric.append(Criterion(id, self.text(keys.get("text"), f"{here}.text"), points))
        return tuple(rubric)

    def _calibration(self, node: yaml.Node | None, where: str, rubric: Sequence[Criterion]) -> Calibration | None:
        if node is None:
            return None
        keys = self.mapping(node, where, ("good", "failing", "verdicts"))
        verdicts = self.mapping(keys.get("verdicts"), f"{where}.verdicts", ("good", "failing"))
        answers = {}
        for which in ("good", "failing"):
            met = self._verdicts(verdicts.get(which), f"{where}.verdicts.{which}", [c.id for c in rubric])
            answers[which] = CalibrationAnswer(self.text(keys.get(which), f"{where}.{which}"), met)
        return Calibration(answers["good"], answers["failing"])

    def _verdicts(self, node: yaml.Node | None, where: str, criteria: Sequence[str]) -> tuple[bool, ...]:
        given = self.mapping(node, where, criteria)
        return tuple(self.choice(given.get(id), f"{where}.{id}", ("true", "false")) == "true" for id in criteria)
