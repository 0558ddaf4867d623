"""Rubric arithmetic: what can be said of a rubric and its two written answers without judging any text."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from beneficent.situations.audit.wording import content_words, gives_away
from beneficent.situations.definitions import traits
from beneficent.situations.findings import Finding, Level, finding_of
from beneficent.situations.types import Calibration, Criterion, WrittenSituation

Score = Callable[[Sequence[Criterion], Sequence[bool]], float]
"""Score in 0..1 of the criteria met, given in the rubric's order."""

FEWEST_CRITERIA, MOST_CRITERIA = 3, 5
LEAST_POINTS, MOST_POINTS = 4, 10
LEAST_GOOD, LEAST_GAP = 0.8, 0.5
FEWEST_WORDS_GOOD, MOST_WORDS_GOOD = 40, 220
MOST_WORDS_CRITERION = 45
MOST_OVERLAP = 0.6
"""Share of words of four letters or more that two criteria may have in common (Jaccard)."""
_ROUNDING = 1e-9


def check_rubrics(situations: Sequence[WrittenSituation], score: Score) -> list[Finding]:
    """Points, redundant criteria and calibration pairs of every situation; and a calibrated pair for every cell."""
    findings = []
    for written in situations:
        problems = [*_points(written.situation.rubric), *_texts(written)]
        if written.calibration is not None:
            problems += _pair(written.situation.rubric, written.calibration, score)
        findings += [finding_of(written, check, message, level) for check, message, level in problems]
    return findings + _uncalibrated_cells(situations)


_Problem = tuple[str, str, Level]


def _points(rubric: Sequence[Criterion]) -> Iterator[_Problem]:
    possible = sum(criterion.points for criterion in rubric if criterion.points > 0)
    negative = [criterion for criterion in rubric if criterion.points < 0]
    if not FEWEST_CRITERIA <= len(rubric) <= MOST_CRITERIA:
        yield "rubric", f"{len(rubric)} criteria; allowed are {FEWEST_CRITERIA} to {MOST_CRITERIA}", "error"
    if not LEAST_POINTS <= possible <= MOST_POINTS:
        yield (
            "rubric",
            f"the positive points add up to {possible:g}; allowed are {LEAST_POINTS} to {MOST_POINTS}",
            "error",
        )
    if not negative:
        yield "rubric", "no criterion is negative; one must name the tempting failure", "error"
    for criterion in negative:
        if -criterion.points > possible:
            yield (
                "rubric",
                f"{criterion.id} takes {-criterion.points:g} of {possible:g} points; more than all has no effect",
                "error",
            )


def _texts(written: WrittenSituation) -> Iterator[_Problem]:
    telltale = traits()[written.situation.trait].telltale
    rubric = written.situation.rubric
    for criterion in rubric:
        num_words = len(criterion.text.split())
        if num_words > MOST_WORDS_CRITERION:
            yield "rubric", f"{criterion.id} has {num_words} words; a line of at most {MOST_WORDS_CRITERION}", "warning"
        found = gives_away(criterion.text, telltale)
        if found:
            yield "rubric", f"{criterion.id} says {found!r}: a criterion says what to do here, not the trait", "warning"
    for one, other in combinations(rubric, 2):
        first, second = content_words(one.text), content_words(other.text)
        overlap = len(first & second) / max(1, len(first | second))
        if overlap > MOST_OVERLAP:
            yield (
                "redundant-criteria",
                f"{one.id} and {other.id} share {overlap:.0%} of their words; allowed are {MOST_OVERLAP:.0%}",
                "error",
            )


def _pair(rubric: Sequence[Criterion], calibration: Calibration, score: Score) -> Iterator[_Problem]:
    good, failing = score(rubric, calibration.good.met), score(rubric, calibration.failing.met)
    everything = score(rubric, [True] * len(rubric))
    if good < LEAST_GOOD - _ROUNDING:
        yield "calibration", f"the good answer scores {good:.2f}; allowed is {LEAST_GOOD} or more", "error"
    if good - failing < LEAST_GAP - _ROUNDING:
        yield (
            "calibration",
            f"good {good:.2f} and failing {failing:.2f} differ by {good - failing:.2f}; allowed is {LEAST_GAP} or more",
            "error",
        )
    if everything >= good:
        yield (
            "calibration",
            f"with every criterion marked as met the score is {everything:.2f}, not below the good answer's {good:.2f}",
            "error",
        )
    num_words = len(calibration.good.text.split())
    if not FEWEST_WORDS_GOOD <= num_words <= MOST_WORDS_GOOD:
        allowed = f"{FEWEST_WORDS_GOOD} to {MOST_WORDS_GOOD}"
        yield "calibration", f"the good answer has {num_words} words; usual are {allowed}", "warning"


def _uncalibrated_cells(situations: Sequence[WrittenSituation]) -> list[Finding]:
    files = {written.file for written in situations}
    calibrated = {written.file for written in situations if written.calibration is not None}
    message = "no situation of this cell has a calibration pair; the first of each needs one"
    return [Finding(file, 0, "calibration", message) for file in sorted(files - calibrated)]
