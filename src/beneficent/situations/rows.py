"""A situation as one row of plain values, and back; the schema stands in ``docs/situations.md``."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from beneficent.core.errors import DataError
from beneficent.situations.definitions import HEADER, HEALTH
from beneficent.situations.types import Calibration, Criterion, Message, Situation, Split, Tags, WrittenSituation

LICENCE = "CC-BY-4.0"
DATA_SOURCE = "beneficent"
"""What rows for verl say in ``data_source``, by which its reward function knows them in a mixture."""


class GradedRow(BaseModel):
    """What grading needs of a situation. Other keys of a row are let pass, since stacks add their own."""

    model_config = ConfigDict(frozen=True)

    id: str
    trait: str
    domain: str
    split: Split
    tags: Tags
    messages: tuple[Message, ...]
    rubric: tuple[Criterion, ...]

    @classmethod
    def read(cls, values: Any) -> Self:
        """The row with these values, a mapping.

        Raises:
            DataError: it is none, or a value is missing or of another kind; the message names the situation, the key
                and the value.
        """
        if not isinstance(values, Mapping):
            raise DataError(f"{values!r:.200} is no situation; allowed is an object with {', '.join(cls.model_fields)}")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            value = "missing" if first["type"] == "missing" else f"{first['input']!r:.200} ({first['msg']})"
            key = ".".join(map(str, first["loc"]))
            raise DataError(f"situation {values.get('id')!r}: {key} is {value}") from error

    def situation(self) -> Situation:
        """The situation, as training and scoring take it."""
        return Situation(
            id=self.id,
            trait=self.trait,
            domain=self.domain,
            messages=self.messages,
            rubric=self.rubric,
            split=self.split,
            tags=self.tags.words() | ({HEALTH} if self.domain == HEALTH else set()),
        )

    def values(self) -> dict[str, Any]:
        """The row as values that JSON and Parquet have; what only programmatic graders read is left out."""
        return self.model_dump(mode="json", exclude={"rubric": {"__all__": {"check"}}})


class Row(GradedRow):
    """Everything of a written situation but its place in the library."""

    author: str
    review: str
    calibration: Calibration | None
    licence: str = LICENCE
    canary: str = HEADER


_NOT_GRADED = ("author", "review", "calibration")


def row_of(written: WrittenSituation) -> Row:
    """The row of a situation of the library."""
    situation = written.situation
    return Row(
        id=situation.id,
        trait=situation.trait,
        domain=situation.domain,
        split=situation.split,
        tags=written.tags,
        messages=situation.messages,
        rubric=situation.rubric,
        author=written.author,
        review=written.review,
        calibration=written.calibration,
    )


def graded_values(written: WrittenSituation) -> dict[str, Any]:
    """``row_of(written).values()`` without what grading has no use for; licence and canary stay."""
    return {key: value for key, value in row_of(written).values().items() if key not in _NOT_GRADED}
