"""The fillers of the language and of the lab benchmarks: counts, shape, apart from each other, one closed vocabulary.

Reads the YAML files only, so that it also guards fillers the grammar would accept.
"""

import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

LAB = Path(str(files("beneficent"))) / "lab"
KINDS = ("asker", "boss", "weak", "peer", "expert", "thing", "claim", "source", "action", "harm", "system", "rule")
MAX_WORDS = {"claim": (3, 6), "action": (2, 5), "harm": (1, 5)}
PHRASE = re.compile(r"[a-z]+( [a-z]+)*")
EXTRA = {"mental-health", "everyday"}


def read(folder):
    return {p.stem: yaml.safe_load(p.read_text(encoding="utf-8")) for p in sorted((LAB / folder).glob("*.yaml"))}


LANGUAGE = read("language/domains")
BENCHMARKS = read("benchmarks/fillers")
SETS = [
    *(pytest.param(f, 8, id=f"language-{name}") for name, f in LANGUAGE.items()),
    *(pytest.param(f, 6, id=f"benchmarks-{name}") for name, f in BENCHMARKS.items()),
]


def phrases(domain):
    return [phrase for kind in KINDS for phrase in domain[kind]]


def inside(short, long):
    return f" {short} " in f" {long} "


def test_domains():
    assert len(LANGUAGE) == 12
    assert set(BENCHMARKS) == set(LANGUAGE) | EXTRA
    assert {n: f["title"] for n, f in BENCHMARKS.items() if n not in EXTRA} == {
        n: f["title"] for n, f in LANGUAGE.items()
    }


@pytest.mark.parametrize(("domain", "count"), SETS)
def test_a_file_has_all_kinds_in_shape(domain, count):
    assert tuple(domain) == ("title", *KINDS)
    assert PHRASE.fullmatch(domain["title"])
    for kind in KINDS:
        low, high = MAX_WORDS.get(kind, (1, 3))
        assert len(domain[kind]) == count, kind
        for phrase in domain[kind]:
            assert PHRASE.fullmatch(phrase), phrase
            assert low <= len(phrase.split()) <= high, phrase


def test_no_phrase_stands_twice():
    """Neither in two domains, nor in two kinds, nor on both sides."""
    counts = Counter(p for side in (LANGUAGE, BENCHMARKS) for domain in side.values() for p in phrases(domain))
    assert [phrase for phrase, n in counts.items() if n > 1] == []


def test_no_filler_holds_another_of_its_kind():
    """Who looks for a filler in a text finds at most the one that is meant."""
    for name, domain in BENCHMARKS.items():
        for kind in KINDS:
            values = [*domain[kind], *LANGUAGE.get(name, {}).get(kind, [])]
            assert [(a, b) for a in values for b in values if a != b and inside(a, b)] == []


def test_what_the_language_may_not_make_up_is_what_benchmarks_ask_about():
    """Every filler of every benchmark domain, sorted, one a line, and nothing else."""
    asked = sorted(phrase for domain in BENCHMARKS.values() for phrase in phrases(domain))
    assert len(asked) == len(BENCHMARKS) * len(KINDS) * 6
    written = (LAB / "language" / "reserved.txt").read_text(encoding="utf-8")
    assert written == "\n".join(asked) + "\n"


def test_benchmarks_use_the_words_of_the_language_only():
    known = {w for domain in LANGUAGE.values() for p in (domain["title"], *phrases(domain)) for w in p.split()}
    asked = {w for domain in BENCHMARKS.values() for p in (domain["title"], *phrases(domain)) for w in p.split()}
    assert sorted(asked - known) == []
    assert len(known) < 750
