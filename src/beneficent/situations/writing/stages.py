"""The stages of writing: scenes, drafts, critique, mending, rubrics, pairs of answers. Each asks for many at once."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from beneficent.core.asking import (
    Asker,
    Failure,
    OffFormError,
    Prompt,
    Request,
    Settings,
    Turn,
    ask_for_forms,
    disarmed,
    fence_for,
    read_form,
    schema_of,
)
from beneficent.core.errors import DataError
from beneficent.situations.audit.rubrics import Score
from beneficent.situations.definitions import domains, traits
from beneficent.situations.loading import LIBRARY
from beneficent.situations.types import WrittenSituation
from beneficent.situations.writing.candidate import Candidate
from beneficent.situations.writing.forms import Answers, Critique, Draft, PlannedScene, Rubric, Scenes
from beneficent.situations.writing.gate import faults_of_messages, faults_of_rubric
from beneficent.situations.writing.order import Order, Slot

Form = TypeVar("Form", bound=BaseModel)

_PROMPTS = Path(__file__).parent / "prompts"
_MOST_FAULTS = 12


@dataclass(frozen=True, slots=True)
class Stopped:
    """An attempt that got no further than ``stage``, with what there was of it."""

    attempt: int
    stage: str
    failure: Failure
    candidate: Candidate | None = None


class Writer:
    """Takes attempts through the stages.

    Args:
        scenes: one line for each situation of the cell, none of which may be told again.
        others: situations that the drafts must not repeat.

    Raises:
        DataError: ``library/WRITING.md`` lacks a section that the prompts quote.
    """

    def __init__(
        self, asker: Asker, order: Order, scenes: Iterable[str], others: Iterable[WrittenSituation], score: Score
    ) -> None:
        self._asker = asker
        self._order = order
        self._scenes = list(scenes)
        self.others = list(others)
        self._score = score
        trait = traits()[order.trait]
        self._shared: dict[str, Any] = {
            "trait": trait,
            "domain": domains()[order.domain],
            "telltale": trait.telltale,
            "tags": Prompt(_PROMPTS / "tags.txt").source,
            "rules": rules_of_writing("What a situation is"),
            "rubric_rules": rules_of_writing("Rules of the rubric"),
        }

    def take_in(self, candidate: Candidate) -> None:
        """Count a candidate among what must not be repeated from now on."""
        self.others.append(candidate.written())
        self._scenes.append(f"{candidate.slug}: {candidate.scene}")

    def attempt(self, slots: Mapping[int, Slot]) -> list[Candidate | Stopped]:
        """One attempt for each slot, by its number: complete, or stopped where it failed; in their order."""
        results: dict[int, Candidate | Stopped] = {}
        going = list(self._draft(slots))
        for stage in (self._criticise, self._mend, self._write_rubrics, self._write_answers):
            results |= {one.attempt: one for one in going}
            going = stage([one for one in going if isinstance(one, Candidate)])
        results |= {one.attempt: one for one in going}
        return [results[attempt] for attempt in slots]

    def _draft(self, slots: Mapping[int, Slot]) -> Iterable[Candidate | Stopped]:
        plan = self._plan(list(slots.values()))
        if isinstance(plan, Failure):
            return [Stopped(attempt, "scenes", plan) for attempt in slots]
        prompts = [
            self._render("draft.jinja", scene=planned.scene, slot=slot, draft=None, faults=())
            for planned, slot in zip(plan, slots.values(), strict=True)
        ]
        drafts = self._ask("draft", Draft, prompts, [_fits(slot) for slot in slots.values()])
        return [
            Stopped(attempt, "draft", draft)
            if isinstance(draft, Failure)
            else Candidate(self._order, attempt, planned.slug, planned.scene, slot, draft)
            for (attempt, slot), planned, draft in zip(slots.items(), plan, drafts, strict=True)
        ]

    def _plan(self, slots: Sequence[Slot]) -> list[PlannedScene] | Failure:
        taken = {written.id.rpartition("/")[2] for written in self.others}

        def check(scenes: Scenes) -> None:
            slugs = {planned.slug for planned in scenes.scenes} - taken
            if len(slugs) != len(slots) or len(scenes.scenes) != len(slots):
                raise OffFormError(f"scenes: exactly {len(slots)} are wanted, each with a slug that is new")

        (found,) = self._ask(
            "scenes", Scenes, [self._render("scenes.jinja", scenes=self._scenes, slots=slots)], [check]
        )
        return found if isinstance(found, Failure) else found.scenes

    def _criticise(self, candidates: Sequence[Candidate]) -> list[Candidate | Stopped]:
        """With the faults that the model and the audit find in the messages."""
        prompts = [self._render_about("critique.jinja", candidate) for candidate in candidates]
        critiques = self._ask("critique", Critique, prompts, [_anything] * len(candidates))
        found = faults_of_messages([candidate.written() for candidate in candidates], self.others)

        def take(candidate: Candidate, critique: Critique) -> Candidate:
            faults = [*critique.faults, *(finding.message for finding in found[candidate.id])]
            return replace(candidate, faults=tuple(faults[:_MOST_FAULTS]))

        return _advanced("critique", candidates, critiques, take)

    def _mend(self, candidates: Sequence[Candidate]) -> list[Candidate | Stopped]:
        """With a draft written anew where there were faults; the others as they are."""
        faulty = [candidate for candidate in candidates if candidate.faults]
        prompts = [
            self._render("draft.jinja", scene=one.scene, slot=one.slot, draft=str(one.draft), faults=one.faults)
            for one in faulty
        ]
        drafts = self._ask("mend", Draft, prompts, [_fits(candidate.slot) for candidate in faulty])
        mended = _advanced("mend", faulty, drafts, lambda candidate, draft: replace(candidate, draft=draft))
        return [*(candidate for candidate in candidates if not candidate.faults), *mended]

    def _write_rubrics(self, candidates: Sequence[Candidate]) -> list[Candidate | Stopped]:
        def check(candidate: Candidate) -> Callable[[Rubric], None]:
            def check_rubric(rubric: Rubric) -> None:
                ids = [line.id for line in rubric.criteria]
                if len(ids) != len(set(ids)):
                    raise OffFormError("criteria: each needs an id of its own")
                self._check_arithmetic(replace(candidate, rubric=rubric))

            return check_rubric

        prompts = [self._render_about("rubric.jinja", candidate) for candidate in candidates]
        rubrics = self._ask("rubric", Rubric, prompts, [check(candidate) for candidate in candidates])
        return _advanced("rubric", candidates, rubrics, lambda candidate, rubric: replace(candidate, rubric=rubric))

    def _write_answers(self, candidates: Sequence[Candidate]) -> list[Candidate | Stopped]:
        def check(candidate: Candidate) -> Callable[[Answers], None]:
            def check_answers(answers: Answers) -> None:
                if sorted(verdicts.criterion for verdicts in answers.verdicts) != sorted(candidate.criteria):
                    raise OffFormError("verdicts: exactly one entry is wanted for each criterion, by its id")
                self._check_arithmetic(replace(candidate, answers=answers))

            return check_answers

        prompts = [
            self._render_about("answers.jinja", candidate, rubric=candidate.rubric, longer=candidate.slot.longer)
            for candidate in candidates
        ]
        answers = self._ask("answers", Answers, prompts, [check(candidate) for candidate in candidates])
        return _advanced("answers", candidates, answers, lambda candidate, pair: replace(candidate, answers=pair))

    def _check_arithmetic(self, candidate: Candidate) -> None:
        faults = faults_of_rubric(candidate.written(), self._score)
        if faults:
            raise OffFormError("; ".join(fault.message for fault in faults))

    def _render(self, file: str, **values: Any) -> str:
        return Prompt(_PROMPTS / file).render(**self._shared, **values)

    def _render_about(self, file: str, candidate: Candidate, **values: Any) -> str:
        """A prompt that shows a draft, fenced: it holds orders to an assistant, and this one is not meant."""
        draft = disarmed(str(candidate.draft))
        return self._render(
            file, draft=draft, fence=fence_for(draft), scene=candidate.scene, slot=candidate.slot, **values
        )

    def _ask(
        self, stage: str, form: type[Form], prompts: Sequence[str], checks: Sequence[Callable[[Form], None]]
    ) -> list[Form | Failure]:
        """A form or a failure for each prompt; a check raises ``OffFormError`` for a form that cannot be used."""
        order = self._order
        settings = Settings(order.max_tokens, seed=order.seed, schema=schema_of(form) if order.send_schema else None)
        requests = [Request(f"write:{stage}", (Turn("user", prompt),), settings) for prompt in prompts]

        def reader(check: Callable[[Form], None]) -> Callable[[str], Form]:
            def read(text: str) -> Form:
                found = read_form(text, form)
                check(found)
                return found

            return read

        return ask_for_forms(self._asker, requests, [reader(check) for check in checks])


def rules_of_writing(heading: str) -> str:
    """One section of ``library/WRITING.md``, without its heading.

    Raises:
        DataError: there is no such section.
    """
    file = LIBRARY / "WRITING.md"
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", Prompt(file).source, re.DOTALL | re.MULTILINE)
    if found is None:
        raise DataError(f"{file}: there is no section '## {heading}', which the prompts for writing quote")
    return found.group(1).strip()


def _advanced(
    stage: str,
    candidates: Sequence[Candidate],
    outcomes: Sequence[Form | Failure],
    take: Callable[[Candidate, Form], Candidate],
) -> list[Candidate | Stopped]:
    return [
        Stopped(candidate.attempt, stage, outcome, candidate)
        if isinstance(outcome, Failure)
        else take(candidate, outcome)
        for candidate, outcome in zip(candidates, outcomes, strict=True)
    ]


def _anything(form: BaseModel) -> None:
    """Every critique will do."""


def _fits(slot: Slot) -> Callable[[Draft], None]:
    """Refuses a draft whose shape is not the slot's."""

    def check(draft: Draft) -> None:
        roles = [turn.role for turn in draft.turns]
        wanted = ["user", "assistant"] * (slot.num_turns // 2) + ["user"]
        if roles != wanted:
            raise OffFormError(f"turns: wanted are {slot.num_turns}, of {', '.join(wanted)}")
        if (draft.system is not None) != slot.has_system:
            raise OffFormError(f"system: wanted is {'a text' if slot.has_system else 'null'}")

    return check
