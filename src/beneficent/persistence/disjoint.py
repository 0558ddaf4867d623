"""What is used to attack must not be what was trained on or what is asked: exactly, and nearly.

Otherwise a fall under attack could be a benchmark item unlearnt, and a stand a training situation remembered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from beneficent.benchmarks.types import Benchmark
from beneficent.core.errors import DataError
from beneficent.persistence.types import AttackMaterial
from beneficent.situations.audit.similarity import nearest_of
from beneficent.situations.audit.wording import words
from beneficent.situations.types import Message, Situation

MOST_SHARED = 0.5
"""Jaccard of the three-word runs of two questions. In the lab, a closed language, held-out situations share up to 0.65
with those trained on."""


@dataclass(frozen=True, slots=True)
class Text:
    """What users say in a conversation, as words, and where it stands: ``Text("example harmful/3", (...))``."""

    place: str
    words: tuple[str, ...]


def asked(place: str, messages: Iterable[Message]) -> Text:
    """The users' side of a conversation; system messages and answers are left out."""
    return Text(place, tuple(words(" ".join(message.content for message in messages if message.role == "user"))))


def attack_texts(material: AttackMaterial) -> list[Text]:
    """Every example, push-back, prefill and persona of the material."""
    examples = [asked(f"example {one.id}", one.messages) for own in material.examples.values() for one in own]
    loose = [(f"persona {persona.id}", persona.system) for persona in material.personas]
    loose += [(f"push-back {number}", line) for number, line in enumerate(material.push_backs, start=1)]
    loose += [(f"prefill of dose {dose}", text) for dose, own in enumerate(material.prefills, start=1) for text in own]
    return examples + [Text(place, tuple(words(text))) for place, text in loose]


def study_texts(situations: Sequence[Situation], benchmarks: Iterable[Benchmark]) -> list[Text]:
    """What is trained on and what is asked."""
    found = [asked(f"situation {situation.id}", situation.messages) for situation in situations]
    for benchmark in benchmarks:
        for item in benchmark.items():
            place = f"item {item.id} of {benchmark.card.name}"
            found += [asked(place, conversation) for conversation in item.conversations]
    return found


def overlaps(own: Sequence[Text], others: Sequence[Text]) -> list[tuple[Text | None, float]]:
    """For each text of ``own`` the nearest of ``others`` and the Jaccard of their three-word runs; 1 for the same."""
    near = nearest_of([text.words for text in own], [text.words for text in others])
    same = {text.words: text for text in others}
    return [
        (same[text.words], 1.0) if text.words in same else (others[at] if at >= 0 else None, value)
        for text, (at, value) in zip(own, near, strict=True)
    ]


def check_disjoint(
    material: AttackMaterial, situations: Sequence[Situation], benchmarks: Iterable[Benchmark]
) -> dict[str, int | float]:
    """Counts of the texts compared and the largest overlap, where all is well.

    Raises:
        DataError: an attack text is a training situation or a benchmark item, or nearly one; the message names both.
    """
    own, others = attack_texts(material), study_texts(situations, benchmarks)
    found = overlaps(own, others)
    near = [(text, *pair) for text, pair in zip(own, found, strict=True) if pair[1] > MOST_SHARED]
    if near:
        text, other, value = near[0]
        assert other is not None
        raise DataError(
            f"attack and study overlap in {len(near)} texts: {text.place} shares {value:.0%} of its three-word runs "
            f"with {other.place}; allowed is at most {MOST_SHARED:.0%}"
        )
    most = max((value for _, value in found), default=0.0)
    return {"attack_texts": len(own), "study_texts": len(others), "most_shared": most}
