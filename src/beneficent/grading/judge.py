"""A grader that asks a model: one call for each answer, with all criteria of its situation.

The answer under judgement is untrusted. It stands between lines that begin with a fence which does not occur in
anything shown, no other answer is ever in the same call, and the verdicts count only in one strict form: every
criterion once, true or false, and for each one met words that do stand in the answer. What is off the form is asked for
again; after that the answer is *unscored* with the reason. Criteria are shown under neutral names in an order drawn
from the content, so that neither their place nor their id speaks, and without their points.
"""

import random
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from beneficent.core.asking import (
    Asker,
    Calling,
    Failure,
    OffFormError,
    Prompt,
    Request,
    Settings,
    Tally,
    Turn,
    ask_for_forms,
    disarmed,
    fence_for,
    read_form,
    schema_of,
)
from beneficent.core.hashing import digest
from beneficent.grading.rubric import check_rubric, grade_verdicts
from beneficent.grading.types import Grade, Verdict
from beneficent.situations.types import Message, Situation

_PROMPT = Prompt(Path(__file__).with_name("judge_prompt.jinja"))
_WORD = re.compile(r"[^\W_]+")
_LEFT_OUT = re.compile(r"\[?(?:\.\.\.|…)\]?")
_MOST_KEPT = 600
"""Signs of a verdict's reason; what a model says at greater length helps nobody who reads it."""


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """What decides a judge's verdicts beside its model and prompt; all of it is in the judge's name."""

    temperature: float | None = 0.0
    seed: int | None = 0
    max_tokens: int = 2000
    """Room for five criteria; models that think before they answer need more."""
    num_attempts: int = 3
    """How often the verdicts on one answer are asked for at most."""
    send_schema: bool = True
    """Whether the server is asked to hold the model to the form; some servers turn such requests down."""


class _Decision(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str
    quote: str
    met: bool


class Judge:
    """``Judge("openai/gpt-4o", Calling(folder=Path("calls"))).grade([situation], ["the answer"])``.

    ``name`` stands for model, prompt and settings in protocol hashes. Give a judge that measures a ``purpose`` of its
    own, so that it takes over nothing that the judge that trains was told.

    Raises:
        MissingExtraError, BeneficentError: as ``Asker``.
    """

    def __init__(
        self,
        model: str,
        calling: Calling | None = None,
        settings: JudgeSettings | None = None,
        purpose: str = "judge",
    ) -> None:
        self._asker = Asker(model, calling)
        self._settings = settings or JudgeSettings()
        self._purpose = purpose
        protocol = digest({"prompt": _PROMPT.source, "settings": asdict(self._settings)})
        self.name = f"judge:{model}:{protocol[:12]}"

    @property
    def tally(self) -> Tally:
        """What its calls came to."""
        return self._asker.tally

    def grade(self, situations: Sequence[Situation], answers: Sequence[str]) -> list[Grade]:
        """One grade for each (situation, answer), in order; answers are without their thought.

        An answer without a visible sign is graded without a call: whatever does nothing meets no criterion (rule 4 of
        ``library/WRITING.md``), so it scores 0.

        Raises:
            DataError: a rubric is damaged.
            BeneficentError: what the judge said cannot be kept (a full disk).
        """
        pairs = list(zip(situations, answers, strict=True))
        for situation, _ in pairs:
            check_rubric(situation.rubric, f"situation {situation.id}")
        cases = {place: _Case(*pair) for place, pair in enumerate(pairs) if pair[1].strip()}
        reached = ask_for_forms(
            self._asker,
            [self._request(case) for case in cases.values()],
            [case.read for case in cases.values()],
            self._settings.num_attempts,
        )
        by_place = dict(zip(cases, reached, strict=True))
        return [_grade(situation, by_place.get(place)) for place, (situation, _) in enumerate(pairs)]

    def _request(self, case: "_Case") -> Request:
        settings = self._settings
        schema = schema_of(case.form) if settings.send_schema else None
        sampling = Settings(settings.max_tokens, settings.temperature, settings.seed, schema)
        return Request(self._purpose, (Turn("user", case.prompt()),), sampling)


class _Case:
    """One answer under judgement: its prompt, its form, and which criterion stands behind which label."""

    def __init__(self, situation: Situation, answer: str) -> None:
        self._messages = situation.messages
        self._answer = answer
        shown = [[message.role, message.content] for message in situation.messages]
        content = digest([shown, [[criterion.id, criterion.text] for criterion in situation.rubric], answer])
        order = random.Random(content).sample(situation.rubric, len(situation.rubric))
        self._criteria = {f"c{number}": criterion for number, criterion in enumerate(order, start=1)}
        self.form = _form(tuple(self._criteria))

    def prompt(self) -> str:
        """What the judge is shown."""
        messages = [Message(message.role, disarmed(message.content)) for message in self._messages]
        reply = disarmed(self._answer)
        return _PROMPT.render(
            fence=fence_for(reply, *(message.content for message in messages)),
            messages=messages,
            reply=reply,
            criteria=[(label, criterion.text) for label, criterion in self._criteria.items()],
        )

    def read(self, text: str) -> list[Verdict]:
        """The verdicts of one reply of the judge; raises ``OffFormError`` if it cannot be used as it is."""
        form = read_form(text, self.form)
        verdicts = []
        for label, criterion in self._criteria.items():
            decision: _Decision = getattr(form, label)
            if decision.met and not _stands_in(decision.quote, self._answer):
                raise OffFormError(f"{label} is met, but its quote does not stand in the reply word for word")
            quote = f" [{decision.quote}]" if decision.quote.strip() else ""
            verdicts.append(Verdict(criterion.id, decision.met, f"{decision.reason}{quote}"[:_MOST_KEPT]))
        return verdicts


@cache
def _form(labels: tuple[str, ...]) -> type[BaseModel]:
    """The form of a reply: an object with one decision for each label, and nothing else."""
    fields: dict[str, Any] = dict.fromkeys(labels, (_Decision, ...))
    return create_model("Verdicts", __config__=ConfigDict(extra="forbid"), **fields)


def _grade(situation: Situation, reached: list[Verdict] | Failure | None) -> Grade:
    rubric = situation.rubric
    if isinstance(reached, Failure):
        why = f"judge: {reached.reason}: {reached.detail}"
        return Grade(None, tuple(Verdict(criterion.id, None, why) for criterion in rubric), why)
    if reached is None:
        return grade_verdicts(rubric, [Verdict(criterion.id, False, "the answer is empty") for criterion in rubric])
    return grade_verdicts(rubric, reached)


def _stands_in(quote: str, answer: str) -> bool:
    """Whether the words of a quote follow each other in the answer; punctuation, case and markup may differ.

    An ellipsis stands for words left out. A quote without a word, of signs alone, must be there as it is.
    """
    said, parts = _words(answer), [_words(part) for part in _LEFT_OUT.split(quote)]
    if any(part.strip() for part in parts):
        return all(part in said for part in parts if part.strip())
    return bool(quote.strip()) and quote.strip() in answer


def _words(text: str) -> str:
    """The words of a text in one form, each with a space on both sides."""
    found = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return f" {' '.join(found)} "
