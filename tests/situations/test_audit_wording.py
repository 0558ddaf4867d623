"""What recurs from situation to situation, and what gives a trait away."""

from dataclasses import replace

import pytest
from written_library import TAGS

from beneficent.situations import WrittenSituation
from beneficent.situations.audit.balance import check_balance
from beneficent.situations.audit.similarity import check_duplicates
from beneficent.situations.audit.wording import check_repetition, gives_away, words
from beneficent.situations.types import Calibration, CalibrationAnswer, Message, Situation, Split


def written(text: str, number: int, domain: str = "law", split: Split = "train") -> WrittenSituation:
    situation = Situation(f"{domain}/x/{number}", "corrigibility", domain, (Message("user", text),), (), split)
    return WrittenSituation(situation, "model", "none", TAGS, None, f"{domain}/x.yaml", number + 1)


def fillers(number: int) -> list[WrittenSituation]:
    """Situations that share nothing with each other or anything else."""
    return [written(" ".join(f"w{n}x{place}" for place in range(40)), 1000 + n, "art") for n in range(number)]


@pytest.mark.parametrize(
    ("text", "telltale", "found"),
    [
        ("Be truthful.", ("truthful",), "truthful"),
        ("untruthful", ("truthful",), None),
        ("De-escalation, please", ("de-escalat",), "de-escalat"),
        ("we deescalate", ("de-escalat",), "de-escalat"),
        ("the power asymmetry", ("power-asymmetr",), "power-asymmetr"),
        ("the power\nasymmetry", ("power-asymmetr",), "power-asymmetr"),
        ("asymmetric power supply", ("power-asymmetr",), None),
        ("nothing", ("truthful", "corrigib"), None),
    ],
)
def test_what_gives_a_trait_away(text: str, telltale: tuple[str, ...], found: str | None) -> None:
    assert gives_away(text, telltale) == found


def test_words() -> None:
    assert words("Don’t mix 3 mg/L — naïve, isn't it?") == ["don't", "mix", "3", "mg", "l", "naïve", "isn't", "it"]


def messages(situations: list[WrittenSituation]) -> list[str]:
    return [f"{finding.check}: {finding.message}" for finding in check_repetition(situations)]


def test_openings() -> None:
    twice = [
        written("So the landlord says that I owe.", 1),
        written("So, the LANDLORD says that we go.", 2, "business"),
    ]
    assert messages([*twice, *fillers(198)]) == [], "two of 200 are 1%, and not more"
    assert messages([*twice, *fillers(197)]) == [
        "opening: 2 situations open with 'so the landlord says that': law/x/1, business/x/2"
    ]
    same_domain = [twice[0], written("So the landlord says that nobody pays.", 2)]
    assert messages([*same_domain, *fillers(300)]) == [
        "opening: two situations of one domain open with 'so the landlord says that': law/x/1, law/x/2"
    ]


def test_names() -> None:
    def with_names(number: int) -> list[WrittenSituation]:
        return [written(f"o{n} then we met Zuleika's aunt in Kenya. Zorn, not zorn", n) for n in range(number)]

    assert messages(with_names(4)) == []
    assert messages([*with_names(5), *fillers(495)]) == [], "five of 500 are 1%, and not more"
    found = messages([*with_names(5), *fillers(400)])
    assert [line for line in found if line.startswith("name")] == [
        "name: 'Zuleika' is in 5 situations: law/x/0, law/x/1, law/x/2 and 2 more; "
        "if it may recur, add it to audit/allowed_names.txt"
    ], "not Kenya, which is allowed; not Zorn, which begins a sentence and is written small as often"


def test_phrases() -> None:
    five = [written(f"a{n} b{n} we have to file before the clerk leaves c{n}", n) for n in range(5)]
    assert messages(five[:4]) == []
    assert messages([*five, *fillers(490)]) == [
        "phrase: 'we have to file before the' is in 5 situations: law/x/0, law/x/1, law/x/2 and 2 more"
    ], "longer runs of the same situations are told once"


def test_a_copy_with_changed_words_is_a_near_duplicate() -> None:
    text = [f"word{place}" for place in range(120)]
    copy = [word if place % 4 else "other" for place, word in enumerate(text)]
    found = check_duplicates([written(" ".join(text), 1), written(" ".join(copy), 2, split="test"), *fillers(20)])
    # Of the 118 runs of each, those that begin at 1, 5, ..., 117 hold no changed word: 30 / (118 + 118 - 30) = 0.146.
    assert [finding.check for finding in found] == ["near-duplicate"]
    assert found[0].message == "near-duplicate of law/x/1, across splits: 15% of the three-word runs are shared"
    assert found[0].situation == "law/x/2"


def test_the_nearest_earlier_one_is_named_once() -> None:
    text = " ".join(f"word{place}" for place in range(60))
    found = check_duplicates([written(f"{text} a b c d e f g h", 1), written(text, 2), written(f"{text} z", 3)])
    assert [(finding.situation, finding.message.split(":")[0]) for finding in found] == [
        ("law/x/2", "near-duplicate of law/x/1"),
        ("law/x/3", "near-duplicate of law/x/2"),
    ]


def test_texts_of_the_same_rare_words_in_another_order_are_a_warning() -> None:
    rare = [f"rare{place}" for place in range(40)]
    found = check_duplicates([written(" ".join(rare), 1), written(" ".join(reversed(rare)), 2), *fillers(20)])
    assert [(finding.check, finding.level) for finding in found] == [("scene", "warning")]
    assert found[0].message == "may retell the scene of law/x/1: likeness of the rarer words 1.00"


def test_situations_without_words_are_no_duplicates() -> None:
    assert check_duplicates([written("", 1), written("", 2)]) == []


def test_shares_are_warnings_until_the_library_is_complete() -> None:
    assert check_balance(fillers(19)) == []
    found = check_balance(fillers(20))
    assert {finding.level for finding in found} == {"warning"}
    assert "several turns: 0 of 20 (0%); wanted is 45% or more" in [finding.message for finding in found]
    assert "180 of 180 cells have fewer than 6 situations" not in [finding.message for finding in found]
    assert {finding.level for finding in check_balance(fillers(1080))} == {"error"}


@pytest.mark.parametrize(("num_longer", "told"), [(5, True), (6, False), (14, False), (15, True)])
def test_pairs_that_length_tells_apart(num_longer: int, told: bool) -> None:
    """Of 20 pairs, 6 to 14 may have the longer good answer: 30% to 70%."""
    short, long = CalibrationAnswer("one two", ()), CalibrationAnswer("one two three", ())
    situations = [
        replace(filler, calibration=Calibration(long, short) if place < num_longer else Calibration(short, long))
        for place, filler in enumerate(fillers(20))
    ]
    found = [finding for finding in check_balance(situations) if finding.check == "calibration"]
    assert [finding.level for finding in found] == ["warning"] * told
    assert all(f"in {num_longer} of 20 pairs" in finding.message for finding in found)
