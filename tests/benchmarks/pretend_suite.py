"""Small benchmarks, a tokenizer and scripted policies for the tests of this folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from beneficent.benchmarks.types import Card, Item, Score
from beneficent.policy.types import Completion, Ending
from beneficent.situations.types import Message

CARD = Card("choice", "A choice", "honesty", "choice", 1, "letter", health=False, chance=0.5)


@dataclass
class Choice:
    """Which letter is right? Half the items want ``a``, half ``b``; anything else scores 0."""

    card: Card = CARD
    count: int = 8
    scorer: Callable[[Item, Sequence[str]], Score] | None = None
    made: list[Item] = field(default_factory=list)

    def items(self) -> list[Item]:
        return self.made or [
            Item(
                f"i{n}", ((Message("user", f"pick {n} : a or b ?"),),), {"gold": "ab"[n % 2]}, "odd" if n % 2 else None
            )
            for n in range(self.count)
        ]

    def score(self, item: Item, answers: Sequence[str]) -> Score:
        if self.scorer is not None:
            return self.scorer(item, answers)
        return Score(float(all(answer.strip() == item.data["gold"] for answer in answers)))

    def gold(self, item: Item) -> tuple[str, ...]:
        return (item.data["gold"],) * len(item.conversations)


def choice(name: str, **changes: Any) -> Choice:
    return Choice(card=replace(CARD, name=name), **changes)


@dataclass
class SpokenRenderer:
    """Renders to the code points of ``role:content`` lines, so that a scripted sampler can read the prompt back."""

    thinking: str | None = "marks"
    digest: str = "renderer-1"

    def render(self, messages: Sequence[Message], opening: str | None = None, prefill: str = "") -> list[int]:
        text = "\n".join(f"{m.role}:{m.content}" for m in messages)
        return [ord(c) for c in (text if opening is None else f"{text}\n[{opening}]") + prefill]


@dataclass
class ScriptedPolicy:
    """Answers each prompt by a function of its text and seed; used in place of a model."""

    answer: Callable[[str, int], str | Completion]
    renderer: SpokenRenderer = field(default_factory=SpokenRenderer)
    calls: list[dict[str, Any]] = field(default_factory=list)


def completion(answer: str, thought: str = "", ending: Ending = Ending.COMPLETED) -> Completion:
    tokens = tuple(range(len(answer.split()) + 1))
    return Completion(tokens, (0.0,) * len(tokens), thought, answer, ending)


def scripted_sample(
    policy: ScriptedPolicy,
    prompts: Sequence[Sequence[int]],
    num_samples: int,
    sampling: object,
    seed: int,
    **rest: object,
) -> list[list[Completion]]:
    """Stands in for ``policy.sampler.sample``."""
    texts = ["".join(map(chr, prompt)) for prompt in prompts]
    policy.calls.append({"prompts": texts, "seed": seed, "sampling": sampling, **rest})
    found = [policy.answer(text, seed ^ own) for text, own in zip(texts, rest["seeds"], strict=True)]
    return [[f if isinstance(f, Completion) else completion(f, "i think")] * num_samples for f in found]
