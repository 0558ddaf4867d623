"""Held-out situations as benchmarks: one per trait, graded by the situations' own rubrics."""

from collections.abc import Mapping, Sequence

from beneficent.benchmarks.types import Card, Item, Score
from beneficent.core.errors import DataError
from beneficent.grading.types import Grader
from beneficent.situations.types import Situation


class HeldOut:
    """The test situations of one trait as a benchmark of role ``trait``, named ``held-out <trait>``.

    Items carry their domain as cluster: situations of one trait in one domain share scenes and are not independent.
    The format is the trained one, so this measures the trait where it was trained; it is never part of the 53.

    Args:
        trait: the trait's name; every situation must be of it.
        situations: test situations, one item each, in this order.
        grader: grades one answer by the situation's rubric; its name is the card's scorer.
        golds: answers that must score 1, by situation id, for the self-test; may be empty.

    Raises:
        DataError: no situation, a situation of another trait or of the training split, or an id that stands twice.
    """

    def __init__(
        self, trait: str, situations: Sequence[Situation], grader: Grader, golds: Mapping[str, str] | None = None
    ) -> None:
        self._situations = _by_id(trait, situations)
        self._grader = grader
        self._golds = dict(golds or {})
        self._items = tuple(
            Item(id=s.id, conversations=(s.messages,), data={"domain": s.domain}, cluster=s.domain) for s in situations
        )
        self._card = Card(
            name=f"held-out {trait}",
            title=f"Held-out situations for {trait}",
            family="trait",
            format="open answer",
            version=1,
            scorer=grader.name,
            health=all("health" in situation.tags for situation in situations),
            trained_format=True,
            role="trait",
            loads_on=(trait,),
        )

    @property
    def card(self) -> Card:
        return self._card

    def items(self) -> Sequence[Item]:
        return self._items

    def score(self, item: Item, answers: Sequence[str]) -> Score:
        """The grade of the answer; an unscored grade is an unscored score with the same reason and verdicts."""
        grade = self._grader.grade([self._situations[item.id]], list(answers))[0]
        return Score(grade.score, grade.unscored, grade.verdicts)

    def gold(self, item: Item) -> tuple[str, ...]:
        """Raises DataError where no gold answer was given."""
        if item.id not in self._golds:
            raise DataError(f"benchmark {self._card.name!r}: item {item.id!r} has no gold answer; golds must name it")
        return (self._golds[item.id],)


def _by_id(trait: str, situations: Sequence[Situation]) -> dict[str, Situation]:
    where = f"benchmark 'held-out {trait}'"
    if not situations:
        raise DataError(f"{where}: no situations; at least one of the test split is needed")
    by_id: dict[str, Situation] = {}
    for situation in situations:
        if situation.trait != trait:
            raise DataError(f"{where}: situation {situation.id!r} has trait {situation.trait!r}; allowed is {trait!r}")
        if situation.split != "test":
            raise DataError(f"{where}: situation {situation.id!r} has split {situation.split!r}; allowed is 'test'")
        if situation.id in by_id:
            raise DataError(f"{where}: situation {situation.id!r} stands twice; ids must differ")
        by_id[situation.id] = situation
    return by_id
