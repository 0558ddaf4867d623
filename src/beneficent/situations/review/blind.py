"""Scoring the two calibration answers by hand: which is the good one stays hidden until both are scored."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from beneficent.core.errors import DataError
from beneficent.core.hashing import digest
from beneficent.situations.audit.rubrics import Score
from beneficent.situations.review.log import Verdicts, content_digest
from beneficent.situations.types import Calibration, Criterion, WrittenSituation

Which = Literal["good", "failing"]
NAMES = ("A", "B")
"""What the answers are called before they are told apart."""


class BlindScoring:
    """The order of the answers, by reviewer's session and text of the situation, and the verdicts given on them."""

    def __init__(self, score: Score) -> None:
        self._score = score
        self._seed = secrets.token_hex()
        self._given: dict[tuple[str, str], Verdicts] = {}

    def shown(self, session: str, written: WrittenSituation) -> dict[str, Any] | None:
        """The answers by name, and once they are scored all verdicts beside each other; None without answers."""
        pair = written.calibration
        if pair is None:
            return None
        order = self._order(session, written)
        answers = [{"name": name, "text": getattr(pair, which).text} for name, which in zip(NAMES, order, strict=True)]
        given = self.given(session, written)
        if given is None:
            return {"answers": answers, "revealed": None}
        return {"answers": answers, "revealed": self._revealed(written.situation.rubric, pair, order, given)}

    def given(self, session: str, written: WrittenSituation) -> Verdicts | None:
        """The verdicts of this session on this text of the situation."""
        return self._given.get((session, content_digest(written)))

    def score(self, session: str, written: WrittenSituation, verdicts: Verdicts) -> Verdicts:
        """Keep the verdicts given, by name of the answer and criterion id; they are given once.

        Returns:
            The same by ``good`` and ``failing``.

        Raises:
            DataError: there are no answers, they were scored before, or verdicts are missing or too many.
        """
        if written.calibration is None:
            raise DataError(f"{written.id}: there are no calibration answers to score")
        if self.given(session, written) is not None:
            raise DataError(f"{written.id}: the answers are scored already, and the expected verdicts were shown")
        criteria = {criterion.id for criterion in written.situation.rubric}
        if set(verdicts) != set(NAMES) or any(set(given) != criteria for given in verdicts.values()):
            raise DataError(f"{written.id}: allowed is one verdict for each criterion of each answer, A and B")
        order = self._order(session, written)
        by_which: dict[str, dict[str, bool]] = {
            which: dict(verdicts[name]) for name, which in zip(NAMES, order, strict=True)
        }
        self._given[session, content_digest(written)] = by_which
        return by_which

    def _order(self, session: str, written: WrittenSituation) -> tuple[Which, Which]:
        drawn = int(digest([self._seed, session, content_digest(written)]), 16)
        return ("good", "failing") if drawn % 2 else ("failing", "good")

    def _revealed(
        self, rubric: Sequence[Criterion], pair: Calibration, order: tuple[Which, Which], given: Verdicts
    ) -> dict[str, Any]:
        answers: list[dict[str, Any]] = []
        for name, which in zip(NAMES, order, strict=True):
            expected = dict(zip((c.id for c in rubric), getattr(pair, which).met, strict=True))
            answers.append(
                {
                    "name": name,
                    "which": which,
                    "given": given[which],
                    "expected": expected,
                    "score_given": self._points(rubric, given[which]),
                    "score_expected": self._points(rubric, expected),
                }
            )
        agreed = sum(answer["given"][c.id] == answer["expected"][c.id] for answer in answers for c in rubric)
        return {"answers": answers, "agreed": agreed, "of": len(rubric) * len(answers)}

    def _points(self, rubric: Sequence[Criterion], met: Mapping[str, bool]) -> float | None:
        """The score; None for a rubric under which nothing can be won."""
        if not any(criterion.points > 0 for criterion in rubric):
            return None
        return self._score(rubric, [met[criterion.id] for criterion in rubric])
