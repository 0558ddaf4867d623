"""One attempt as far as it has come: as a typed situation for the checks, as an entry of a file, as a record."""

from dataclasses import asdict, dataclass
from typing import Any

from beneficent.situations.definitions import HEALTH
from beneficent.situations.types import (
    Calibration,
    CalibrationAnswer,
    Criterion,
    Message,
    Situation,
    Tags,
    WrittenSituation,
)
from beneficent.situations.writing.forms import Answers, Draft, Rubric
from beneficent.situations.writing.order import Order, Slot


@dataclass(frozen=True, slots=True)
class Candidate:
    """A draft with what has been written for it so far."""

    order: Order
    attempt: int
    slug: str
    scene: str
    """What it was planned as."""
    slot: Slot
    draft: Draft
    rubric: Rubric | None = None
    answers: Answers | None = None
    faults: tuple[str, ...] = ()
    """What was found wrong with its first draft."""

    @property
    def criteria(self) -> list[str]:
        """Ids of the rubric's criteria; none before there is a rubric."""
        return [line.id for line in self.rubric.criteria] if self.rubric is not None else []

    @property
    def id(self) -> str:
        return f"{self.order.domain}/{self.order.trait}/{self.slug}"

    @property
    def _tags(self) -> Tags:
        slot = self.slot
        return Tags(slot.pressure, slot.stakes, slot.hard, slot.register, self.draft.locale)

    def written(self) -> WrittenSituation:
        """As the checks of the audit take it; the rubric is empty and the pair None where they are not there yet."""
        order, draft = self.order, self.draft
        system = (Message("system", draft.system),) if draft.system is not None else ()
        criteria = self.rubric.criteria if self.rubric is not None else []
        situation = Situation(
            id=self.id,
            trait=order.trait,
            domain=order.domain,
            messages=system + tuple(Message(turn.role, turn.content) for turn in draft.turns),
            rubric=tuple(Criterion(line.id, line.text, line.points) for line in criteria),
            split=order.split,
            tags=self._tags.words() | ({HEALTH} if order.domain == HEALTH else set()),
        )
        return WrittenSituation(situation, "model", "none", self._tags, self._pair(), order.cell, line=0)

    def _pair(self) -> Calibration | None:
        answers = self.answers
        if answers is None or self.rubric is None:
            return None
        by_id = {verdicts.criterion: verdicts for verdicts in answers.verdicts}
        expected = [by_id[line.id] for line in self.rubric.criteria]
        return Calibration(
            CalibrationAnswer(answers.good, tuple(verdicts.good for verdicts in expected)),
            CalibrationAnswer(answers.failing, tuple(verdicts.failing for verdicts in expected)),
        )

    def entry(self) -> dict[str, Any]:
        """As an entry of a library's file, its keys in the order that such files have. Needs all parts."""
        written = self.written()
        situation, pair = written.situation, written.calibration
        entry: dict[str, Any] = {"id": self.id, "author": written.author, "review": written.review}
        entry |= {"split": situation.split, "tags": asdict(written.tags)}
        if written.has_system:
            entry["system"] = situation.messages[0].content
        entry["messages"] = [{turn.role: turn.content} for turn in written.turns]
        entry["rubric"] = [line.model_dump() for line in self.rubric.criteria] if self.rubric is not None else []
        if pair is not None:
            verdicts = {
                name: dict(zip(self.criteria, answer.met, strict=True))
                for name, answer in (("good", pair.good), ("failing", pair.failing))
            }
            entry["calibration"] = {"good": pair.good.text, "failing": pair.failing.text, "verdicts": verdicts}
        return entry

    def record(self) -> dict[str, Any]:
        """Everything of it in plain values, for the folder of what was turned away."""
        parts = {"draft": self.draft, "rubric": self.rubric, "answers": self.answers}
        written = {name: part.model_dump() for name, part in parts.items() if part is not None}
        return {"attempt": self.attempt, "id": self.id, "scene": self.scene, "slot": asdict(self.slot), **written}
