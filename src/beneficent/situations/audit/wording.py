"""The words of the messages: length, traits given away, and what recurs from situation to situation."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from beneficent.situations.definitions import traits
from beneficent.situations.findings import Finding, finding_of
from beneficent.situations.types import WrittenSituation

FEWEST_WORDS, MOST_WORDS = 40, 500
MOST_RECURRING = 0.01
"""Share of the situations that one opening, name or phrase may stand in."""
FEWEST_RECURRING = {"opening": 2, "name": 5, "phrase": 5}
"""Fewer are never too many: in a small library 1% is less than one situation, and common English recurs by itself."""
OPENING_WORDS, PHRASE_WORDS = 5, 6

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_CAPITALISED = re.compile(r"(?<![\w'’])[^\W\d_]+(?:['’-][^\W\d_]+)*")
_BEGINS_SENTENCE = re.compile(r"(?:^|\n\s*\n|[.!?:;…\"“”‘(\[*_>|/=-])['‘\s]*$")
_POSSESSIVE = re.compile(r"['’]s$")
_FOLDER = Path(__file__).parent


def words(text: str) -> list[str]:
    """The words of a text in lower case, numbers included, punctuation left out."""
    return _WORD.findall(text.lower().replace("’", "'"))


def content_words(text: str) -> set[str]:
    """Words of four letters or more, which carry most of a sentence's content."""
    return {word for word in words(text) if len(word) >= 4}


def message_text(written: WrittenSituation) -> str:
    """All messages of a situation, the system message included."""
    return "\n".join(message.content for message in written.situation.messages)


def gives_away(text: str, telltale: Iterable[str]) -> str | None:
    """The first telltale beginning of a word or phrase that a text has; a hyphen stands for a space or nothing too."""
    lowered = text.lower()
    for beginning in telltale:
        pattern = r"[\s-]*".join(map(re.escape, beginning.split("-")))
        if re.search(rf"(?<!\w){pattern}", lowered):
            return beginning
    return None


def check_lengths(situations: Sequence[WrittenSituation]) -> list[Finding]:
    """Messages of 40 to 500 words, the system message not counted."""
    return [
        finding_of(written, "length", f"the messages have {written.num_words} words; allowed are 40 to 500")
        for written in situations
        if not FEWEST_WORDS <= written.num_words <= MOST_WORDS
    ]


def check_leakage(situations: Sequence[WrittenSituation]) -> list[Finding]:
    """Messages that name their own trait, or a word derived from it."""
    findings = []
    for written in situations:
        trait = traits()[written.situation.trait]
        found = gives_away(message_text(written), (trait.title.lower().replace(" ", "-"), *trait.telltale))
        if found:
            findings.append(finding_of(written, "leakage", f"the messages say {found!r}, which names the trait"))
    return findings


def check_repetition(situations: Sequence[WrittenSituation]) -> list[Finding]:
    """Openings, names and phrases in more than 1% of the situations; openings that stand twice in a domain."""
    findings = _repeated_openings(situations)
    texts = [message_text(written) for written in situations]
    findings += _recurring("name", _names(texts), situations)
    findings += _recurring("phrase", _phrases(texts), situations)
    return findings + _overused_names(texts, situations)


def _too_many(kind: str, num_situations: int) -> float:
    """The count from which a thing recurs too often."""
    return max(FEWEST_RECURRING[kind], int(MOST_RECURRING * num_situations) + 1)


def _repeated_openings(situations: Sequence[WrittenSituation]) -> list[Finding]:
    places: dict[str, list[WrittenSituation]] = defaultdict(list)
    for written in situations:
        places[" ".join(words(written.turns[0].content)[:OPENING_WORDS])].append(written)
    findings = []
    for opening, found in places.items():
        domains = Counter(written.situation.domain for written in found)
        if len(found) >= _too_many("opening", len(situations)):
            message = f"{len(found)} situations open with {opening!r}: {_ids(found)}"
            findings.append(finding_of(found[-1], "opening", message))
        elif max(domains.values()) > 1:
            message = f"two situations of one domain open with {opening!r}: {_ids(found)}"
            findings.append(finding_of(found[-1], "opening", message))
    return findings


def _recurring(kind: str, places: Mapping[str, Sequence[int]], situations: Sequence[WrittenSituation]) -> list[Finding]:
    """One finding for each thing in too many situations; things of the very same situations are told once."""
    told: dict[tuple[int, ...], str] = {}
    for thing, found in places.items():
        if len(found) >= _too_many(kind, len(situations)):
            told.setdefault(tuple(found), thing)
    findings = []
    for found, thing in told.items():
        which = [situations[place] for place in found]
        remedy = "; if it may recur, add it to audit/allowed_names.txt" if kind == "name" else ""
        findings.append(finding_of(which[-1], kind, f"{thing!r} is in {len(which)} situations: {_ids(which)}{remedy}"))
    return findings


def _ids(situations: Sequence[WrittenSituation]) -> str:
    shown = ", ".join(written.id for written in situations[:3])
    return shown if len(situations) <= 3 else f"{shown} and {len(situations) - 3} more"


def _names(texts: Sequence[str]) -> dict[str, list[int]]:
    """Texts by capitalised word inside a sentence, without those allowed and those written small as often."""
    capital: Counter[str] = Counter()
    small: Counter[str] = Counter()
    places: dict[str, list[int]] = defaultdict(list)
    allowed = listed("allowed_names.txt")
    for number, text in enumerate(texts):
        for match in _CAPITALISED.finditer(text):
            word = _POSSESSIVE.sub("", match.group())
            if word[0].islower():
                small[word] += 1
            elif word[1:].islower() and not _BEGINS_SENTENCE.search(text, max(0, match.start() - 6), match.start()):
                capital[word] += 1
                if not places[word] or places[word][-1] != number:
                    places[word].append(number)
    return {
        word: found
        for word, found in places.items()
        if capital[word] > small[word.lower()] and word.lower() not in allowed and not re.match(r"I['’]", word)
    }


def _phrases(texts: Sequence[str]) -> dict[str, list[int]]:
    """Texts by run of six words; runs in one text only are left out."""
    places: dict[str, list[int]] = {}
    for number, text in enumerate(texts):
        found = words(text)
        for start in range(len(found) - PHRASE_WORDS + 1):
            at = places.setdefault(" ".join(found[start : start + PHRASE_WORDS]), [])
            if not at or at[-1] != number:
                at.append(number)
    return {phrase: found for phrase, found in places.items() if len(found) > 1}


def _overused_names(texts: Sequence[str], situations: Sequence[WrittenSituation]) -> list[Finding]:
    overused = listed("overused_names.txt")
    findings = []
    for written, text in zip(situations, texts, strict=True):
        bare = {_POSSESSIVE.sub("", word) for word in _CAPITALISED.findall(text) if word[0].isupper()}
        found = sorted(word for word in bare if word.lower() in overused)
        if found:
            message = f"the messages name {', '.join(found)}, which models reach for first"
            findings.append(finding_of(written, "name", message, "warning"))
    return findings


@cache
def listed(name: str) -> frozenset[str]:
    """The words of a list beside this file, in lower case: several a line, lines with ``#`` left out."""
    lines = (_FOLDER / name).read_text(encoding="utf-8").splitlines()
    return frozenset(word.lower() for line in lines if not line.startswith("#") for word in line.split())
