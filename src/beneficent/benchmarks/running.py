"""Score one policy on a whole suite of benchmarks, in one call of the sampler.

Every conversation of every item is a prompt with a random stream of its own, which depends on the seed, the benchmark's
name, the item's id, the conversation's place and how often the user has pushed back. So a subset of the suite, or of
its items, gives the numbers that the whole gives, and conditions and arms are compared under common random numbers.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TypedDict

from beneficent.benchmarks.conditions import Condition, stable_hash
from beneficent.benchmarks.listing import Listing, choose_items, protocol
from beneficent.benchmarks.types import Benchmark, Item, RefusalClass, Score
from beneficent.core.errors import BeneficentError
from beneficent.core.ledger import Ledger
from beneficent.policy.loading import Policy
from beneficent.policy.sampler import Sampling, sample
from beneficent.policy.types import Completion, Ending
from beneficent.situations.types import Message

__all__ = ["Condition", "ScoreRow", "score_suite"]

_MAX_REASON_CHARS = 500


class ScoreRow(TypedDict):
    """One item as it was answered and scored; one row of a run's ``scores/``."""

    benchmark: str
    item: str
    cluster: str
    """The item's cluster, or its id where it stands alone; to be read within one benchmark."""
    condition: str
    protocol: str
    score: float | None
    unscored: str | None
    """Why there is no score: ``truncated``, ``errored``, the scorer's own reason, or the exception it raised."""
    refusal: str | None
    """``refusal``, ``partial`` or ``answer``; None without whole answers, or where the classifier failed."""
    answers: list[str]
    thoughts: list[str]
    num_tokens: int
    """Tokens sampled, over all conversations of the item."""
    verdicts: str
    """The verdicts of a rubric-graded answer as a JSON list, ``[]`` for other scorers."""


@dataclass(slots=True)
class _Conversation:
    """One conversation of an item while it is held: what has been said, and the answers so far, the last one last."""

    messages: tuple[Message, ...]
    opening: str | None
    prefill: str
    stream: tuple[str, ...]
    """Names its random numbers."""
    answers: list[Completion]

    @property
    def goes_on(self) -> bool:
        return not self.answers or self.answers[-1].ending is Ending.COMPLETED


@dataclass(frozen=True, slots=True)
class _Asked:
    benchmark: Benchmark
    item: Item
    conversations: tuple[_Conversation, ...]


def score_suite(
    policy: Policy,
    benchmarks: Sequence[Benchmark],
    condition: Condition,
    sampling: Sampling,
    seed: int,
    refusal: Callable[[str], RefusalClass],
    limit: int | None = None,
    ledger: Ledger | None = None,
    source_digest: str = "",
    standing_line: str | None = None,
) -> list[ScoreRow]:
    """One row per item, benchmarks in the order given and items in the benchmark's order.

    Args:
        limit: items asked per benchmark, chosen by the hash of their ids (see ``choose_items``).
        ledger: gets the sampler's counts, and seconds under ``rendering`` and ``scoring``.
        source_digest: digest of what provided the benchmarks, part of the protocol.
        standing_line: a system line that the policy lives under, put before the condition's own. It belongs to the
            policy as its weights do, and is no part of the protocol.

    Raises:
        DataError: two benchmarks of one name, or items that break their rules.
        BeneficentError: a scorer raised on every item of its benchmark, the refusal classifier on every answer, or the
            condition forces thoughts on a policy that has none.
    """
    listing, ledger = Listing(benchmarks), ledger if ledger is not None else Ledger()
    if condition.openings is not None and policy.renderer.thinking is None:
        raise BeneficentError(
            f"condition {condition.name!r} forces thoughts, but the policy is loaded without thinking; "
            "allowed are conditions without openings, or a policy with thinking marks"
        )
    asked = _prepare(listing, condition.under(standing_line), limit)
    held = [conversation for question in asked for conversation in question.conversations]
    for said in (None, *condition.push_backs):
        _go_on(policy, [one for one in held if one.goes_on], said, sampling, seed, ledger)
    with ledger.timed("scoring"):
        protocols = {
            card.name: protocol(
                card,
                condition=condition,
                renderer_digest=policy.renderer.digest,
                sampling=asdict(sampling),
                source_digest=source_digest,
            )
            for card in listing.cards
        }
        return _make_rows(asked, condition.name, protocols, refusal)


def _prepare(listing: Listing, condition: Condition, limit: int | None) -> list[_Asked]:
    asked: list[_Asked] = []
    for benchmark in listing:
        name = benchmark.card.name
        for item in choose_items(benchmark, limit):
            opening, prefill = condition.opening(name, item.id), condition.prefill(name, item.id) or ""
            held = tuple(
                _Conversation(condition.apply(conversation), opening, prefill, (name, item.id, str(place)), [])
                for place, conversation in enumerate(item.conversations)
            )
            asked.append(_Asked(benchmark, item, held))
    return asked


def _go_on(
    policy: Policy,
    held: Sequence[_Conversation],
    said: str | None,
    sampling: Sampling,
    seed: int,
    ledger: Ledger,
) -> None:
    """Have every conversation answered; ``said`` is what the user says first to the answer before."""
    with ledger.timed("rendering"):
        for one in held:
            if said is not None:
                one.messages += (Message("assistant", one.answers[-1].answer), Message("user", said))
        render = policy.renderer.render
        prompts = [render(one.messages, one.opening, one.prefill) for one in held]
        seeds = [stable_hash("sample", *one.stream, *([str(len(one.answers))] if one.answers else [])) for one in held]
        forced = any(one.opening is not None for one in held)
    groups = sample(policy, prompts, 1, sampling, seed, forced=forced, ledger=ledger, seeds=seeds)
    for one, group in zip(held, groups, strict=True):
        one.answers.append(_with_prefill(policy, group[0], one.prefill))


def _with_prefill(policy: Policy, completion: Completion, prefill: str) -> Completion:
    """The completion with the words that were put into the policy's mouth: a reader of the reply sees them too."""
    if not prefill:
        return completion
    ids = list(completion.token_ids)
    if ids and ids[-1] in policy.end_ids:
        ids.pop()
    thought, answer, _ = policy.renderer.split([*policy.renderer.encode(prefill), *ids], forced=False)
    return replace(completion, thought=thought, answer=answer)


def _make_rows(
    asked: Sequence[_Asked],
    condition: str,
    protocols: dict[str, str],
    refusal: Callable[[str], RefusalClass],
) -> list[ScoreRow]:
    rows: list[ScoreRow] = []
    failures = _Failures()
    for question in asked:
        item, name = question.item, question.benchmark.card.name
        mine = [conversation.answers[-1] for conversation in question.conversations]
        sampled = [answer for conversation in question.conversations for answer in conversation.answers]
        answers = [completion.answer for completion in mine]
        cut = _cut(mine)
        score = Score(None, cut) if cut else _score(question, answers, failures)
        rows.append(
            {
                "benchmark": name,
                "item": item.id,
                "cluster": item.id if item.cluster is None else item.cluster,
                "condition": condition,
                "protocol": protocols[name],
                "score": score.value,
                "unscored": score.unscored,
                "refusal": None if cut else _classify(answers, refusal, failures),
                "answers": answers,
                "thoughts": [completion.thought for completion in mine],
                "num_tokens": sum(len(completion.token_ids) for completion in sampled),
                "verdicts": json.dumps([asdict(v) for v in score.verdicts]) if score.verdicts else "[]",
            }
        )
    failures.raise_if_total(rows)
    return rows


def _cut(completions: Sequence[Completion]) -> str | None:
    endings = {completion.ending for completion in completions}
    for ending in (Ending.ERRORED, Ending.TRUNCATED):
        if ending in endings:
            return ending.value
    return None


def _score(question: _Asked, answers: Sequence[str], failures: "_Failures") -> Score:
    # One item that trips its scorer must not cost the other 3,399; the reason stays in the row.
    try:
        score = question.benchmark.score(question.item, answers)
        if not isinstance(score, Score):
            raise TypeError(f"the scorer returned {score!r}, not a Score")
        return score
    except Exception as error:
        return Score(None, failures.add_scorer(question.benchmark.card.name, error))


def _classify(answers: Sequence[str], refusal: Callable[[str], RefusalClass], failures: "_Failures") -> str | None:
    try:
        classes: set[str] = {refusal(answer) for answer in answers}
    except Exception as error:
        failures.classifier.append(error)
        return None
    return classes.pop() if len(classes) == 1 else "partial"


class _Failures:
    """Exceptions met while scoring, to tell one bad item from a scorer that does not work at all."""

    def __init__(self) -> None:
        self.scorer: dict[str, list[Exception]] = {}
        self.classifier: list[Exception] = []

    def add_scorer(self, benchmark: str, error: Exception) -> str:
        self.scorer.setdefault(benchmark, []).append(error)
        return f"{type(error).__name__}: {error}"[:_MAX_REASON_CHARS]

    def raise_if_total(self, rows: Sequence[ScoreRow]) -> None:
        for name, errors in self.scorer.items():
            if len(errors) == sum(row["benchmark"] == name for row in rows):
                raise BeneficentError(
                    f"benchmark {name!r}: its scorer failed on all {len(errors)} items; the last said "
                    f"{type(errors[-1]).__name__}: {errors[-1]}"
                ) from errors[-1]
        if self.classifier and all(row["refusal"] is None for row in rows):
            last = self.classifier[-1]
            raise BeneficentError(
                f"the refusal classifier failed on all {len(self.classifier)} answers; the last said "
                f"{type(last).__name__}: {last}"
            ) from last
