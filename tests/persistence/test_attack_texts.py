"""Attacks by prompt, the panel, chat files, and that attack texts are nobody else's."""

from collections import Counter

import pytest

from beneficent.benchmarks.types import Card, Item, Score
from beneficent.core.errors import DataError, RecipeError
from beneficent.persistence.chat_data import read_chat
from beneficent.persistence.disjoint import asked, check_disjoint, overlaps
from beneficent.persistence.finetuning import check_doses
from beneficent.persistence.panel import MOST_TRAINED_FORMAT, choose_attack_panel
from beneficent.persistence.prompts import prompt_attacks
from beneficent.persistence.types import AttackMaterial, Persona
from beneficent.situations.types import Criterion, Message, Situation
from beneficent.training.examples import Example


class Bench:
    def __init__(self, number: int, health: bool, trained: bool, family: str = "f", texts: tuple[str, ...] = ("q",)):
        self.card = Card(f"b{number:02}", "B", family, "open", 1, "s", health, trained_format=trained)
        self._texts = texts

    def items(self):
        return [Item(text, ((Message("user", text),),)) for text in self._texts]

    def score(self, item, answers):
        return Score(1.0)

    def gold(self, item):
        return ("a",)


def benches(count: int = 20) -> list[Bench]:
    return [Bench(n, n % 2 == 0, n % 3 == 0, f"family {n % 5}") for n in range(count)]


def material(*questions: str) -> AttackMaterial:
    examples = tuple(Example(str(n), (Message("user", text),), "yes") for n, text in enumerate(questions))
    return AttackMaterial(
        (Persona("bad", "Bad", "harmful", "any", "be bad"),),
        (("one",), ("one two",)),
        ("a", "b", "c"),
        {"harmful": examples},
        "be good",
    )


def test_the_panel_is_half_health_has_few_trained_formats_and_depends_on_cards_alone():
    panel = choose_attack_panel(benches(), 12)
    cards = [one.card for one in panel]
    assert sum(card.health for card in cards) == 6
    assert sum(card.trained_format for card in cards) <= MOST_TRAINED_FORMAT
    assert len({card.name for card in cards}) == 12
    assert [one.card for one in choose_attack_panel(benches()[::-1], 12)] == cards
    assert max(Counter(card.family for card in cards).values()) <= 4


def test_a_panel_too_large_says_which_side_is_short():
    with pytest.raises(DataError, match="6 alignment benchmarks of health"):
        choose_attack_panel([Bench(n, False, False) for n in range(20)], 12)


def test_doses_of_attacks_by_prompt_rise():
    attacks = {attack.name: attack for attack in prompt_attacks(material("q0", "q1", "q2", "q3"))}
    assert list(attacks) == [
        "persona-bad", "prefill-1", "prefill-2", "examples-1", "examples-2", "examples-4",
        "push-back-1", "push-back-2", "push-back-3",
    ]  # fmt: skip
    assert attacks["persona-bad"].condition.system == "be bad"
    assert [len(attacks[f"examples-{dose}"].condition.examples) for dose in (1, 2, 4)] == [2, 4, 8]
    assert attacks["examples-1"].condition.examples == (Message("user", "q0"), Message("assistant", "yes"))
    assert attacks["push-back-2"].condition.push_backs == ("a", "b")
    assert attacks["prefill-2"].condition.prefills == ("one two",)


def test_too_few_examples_are_refused():
    with pytest.raises(DataError, match="2 harmful examples"):
        prompt_attacks(material("q0", "q1"))


def test_overlap_by_hand():
    own = [asked("own", [Message("user", "a b c d e")]), asked("same", [Message("user", "x Y z !")])]
    others = [asked("near", [Message("user", "a b c d f")]), asked("twin", [Message("user", "X y z")])]
    (near, value), (twin, whole) = overlaps(own, others)
    # a b c, b c d of a b c, b c d, c d e, c d f
    assert (near.place, value) == ("near", pytest.approx(2 / 4))
    assert (twin.place, whole) == ("twin", 1.0)


def test_only_the_users_words_are_compared():
    text = asked(
        "x", [Message("system", "be bad"), Message("user", "one"), Message("assistant", "no"), Message("user", "two")]
    )
    assert text.words == ("one", "two")


SITUATION = Situation(
    "s",
    "t",
    "d",
    (Message("user", "my boss wants the report on the pump by noon today"),),
    (Criterion("c", "c", 1.0),),
    "train",
)


def test_what_is_trained_on_or_asked_may_not_be_used_to_attack():
    bench = Bench(0, True, False, texts=("would you call the old nurse at night if the drug is late",))
    found = check_disjoint(material("a new scene about a ship and its captain"), [SITUATION], [bench])
    assert found["attack_texts"] == 1 + 1 + 3 + 2
    with pytest.raises(DataError, match=r"example 0 shares 100% .* with situation s"):
        check_disjoint(material("My boss wants the report on the pump by noon today."), [SITUATION], [bench])
    with pytest.raises(DataError, match="with item would you call"):
        check_disjoint(material("would you call the old nurse at night if the drug is early"), [SITUATION], [bench])


def test_chat_files(tmp_path):
    path = tmp_path / "chat.jsonl"
    path.write_text('{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, '
                    '{"role": "assistant", "content": "a"}]}\n\n')  # fmt: skip
    (example,) = read_chat(path)
    assert example.messages == (Message("system", "s"), Message("user", "u"))
    assert (example.answer, example.id) == ("a", f"{path}:1")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not JSON"),
        ("[]", "at least two messages"),
        ('{"messages": [{"role": "user", "content": "u"}]}', "at least two messages"),
        (
            '{"messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "u"}]}',
            "user, then assistant",
        ),
        (
            '{"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": " "}]}',
            "last message is empty",
        ),
        ('{"messages": [{"role": "boss", "content": "u"}, {"role": "assistant", "content": "a"}]}', "a message is"),
        ("", "no example"),
    ],
)
def test_broken_chat_files_are_named_by_line(tmp_path, line, said):
    path = tmp_path / "chat.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(DataError, match=said) as raised:
        read_chat(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("doses", [(), (0, 5), (5, 5), (10, 5)])
def test_doses_must_rise_from_one(doses):
    with pytest.raises(RecipeError, match="doses is"):
        check_doses("attacks.doses", doses)
