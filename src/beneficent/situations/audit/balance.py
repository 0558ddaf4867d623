"""Tags that fit the messages, splits, and the shares a library is held to."""

from collections.abc import Sequence

from beneficent.situations.definitions import traits
from beneficent.situations.findings import Finding, Level, finding_of
from beneficent.situations.summary import (
    HEALTH_TEST_PER_TRAIT,
    PER_CELL,
    TEST_PER_TRAIT,
    WHOLE_LIBRARY,
    cells,
    held_out_counts,
    shares,
)
from beneficent.situations.types import WrittenSituation

FEWEST_FOR_SHARES = 20
"""A file or two of a library have no shares to speak of."""
MOST_LONGER = 0.7
"""Share of pairs whose good answer may be the longer one, and share whose good answer may not."""


def check_tags(situations: Sequence[WrittenSituation]) -> list[Finding]:
    """Tags that contradict the messages or each other."""
    findings = []
    for written in situations:
        hard, stakes = written.tags.hard, written.tags.stakes
        if hard in ("mistaken-turn", "compliant-turn") and not written.has_several_turns:
            message = f"tags.hard is {hard!r}, but no turn of the assistant is there"
            findings.append(finding_of(written, "tags", message))
        if hard == "low-stakes-caution" and stakes != "small":
            message = f"tags.hard is {hard!r} and tags.stakes is {stakes!r}; allowed with it: small"
            findings.append(finding_of(written, "tags", message))
    return findings


def check_splits(situations: Sequence[WrittenSituation]) -> list[Finding]:
    """Only traits that are scored directly have a test split."""
    scored = [trait.id for trait in traits().values() if trait.scored]
    message = f"split is 'test'; allowed for this trait: train (test is for {', '.join(scored)})"
    return [
        finding_of(written, "split", message)
        for written in situations
        if written.situation.split == "test" and written.situation.trait not in scored
    ]


def check_balance(situations: Sequence[WrittenSituation]) -> list[Finding]:
    """Shares, cells and test situations against what is wanted; warnings until the library is complete."""
    if len(situations) < FEWEST_FOR_SHARES:
        return []
    level: Level = "error" if len(situations) >= WHOLE_LIBRARY else "warning"
    messages = [
        f"{share.name}: {share.count} of {share.of} ({share.value:.0%}); wanted is {share.wanted:.0%} or more"
        for share in shares(situations)
        if not share.met
    ]
    counts = cells(situations)
    small = [f"{domain}/{trait}" for (trait, domain), count in counts.items() if count < PER_CELL]
    if small:
        named = f": {', '.join(small)}" if len(small) <= 6 else ""
        messages.append(f"{len(small)} of {len(counts)} cells have fewer than {PER_CELL} situations{named}")
    for trait, (test, health) in held_out_counts(situations).items():
        if test < TEST_PER_TRAIT or health < HEALTH_TEST_PER_TRAIT:
            messages.append(
                f"{trait} has {test} test situations, {health} of them of health; "
                f"wanted are {TEST_PER_TRAIT}, {HEALTH_TEST_PER_TRAIT} of them of health"
            )
    return [Finding("", 0, "balance", message, level=level) for message in messages] + _lengths_of_pairs(situations)


def _lengths_of_pairs(situations: Sequence[WrittenSituation]) -> list[Finding]:
    """A warning where a grader that only counts words would tell good answers from failing ones."""
    pairs = [written.calibration for written in situations if written.calibration is not None]
    longer = sum(len(pair.good.text.split()) > len(pair.failing.text.split()) for pair in pairs)
    if max(longer, len(pairs) - longer) <= MOST_LONGER * len(pairs):
        return []
    message = f"the good answer is the longer one in {longer} of {len(pairs)} pairs, so length alone tells most apart"
    return [Finding("", 0, "calibration", message, level="warning")]
