"""What reading and auditing report: one thing that is wrong, or looks wrong, at one place of a file."""

from dataclasses import dataclass
from typing import Literal

from beneficent.situations.types import WrittenSituation

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """``Finding("health/truthfulness.yaml", 12, "schema", "tags.pressure is 'hurry'; allowed: ...")``."""

    file: str
    """Within the library; empty where the finding is about the library as a whole."""
    line: int
    """From 1; 0 where the finding is about a whole file or library."""
    check: str
    """Which check found it: ``schema``, ``near-duplicate``, ``opening`` and so on."""
    message: str
    situation: str = ""
    """Id of the situation, where there is one."""
    level: Level = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file or "library"
        subject = f"{self.situation}: " if self.situation else ""
        return f"{place}: {self.level}: {self.check}: {subject}{self.message}"


def finding_of(written: WrittenSituation, check: str, message: str, level: Level = "error") -> Finding:
    """A finding about one situation, at the line on which it begins."""
    return Finding(written.file, written.line, check, message, written.id, level)
