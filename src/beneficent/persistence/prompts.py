"""Attacks by prompt: personas, prefilled openings, harmful examples in context, push-back. Each is a condition.

Doses follow published attackers: more words put into the mouth (Andriushchenko et al. 2024), more examples in context
(Anil et al. 2024, many-shot), more turns of pressure (Li et al. 2024, multi-turn).
"""

from collections.abc import Callable, Sequence
from typing import get_args

from beneficent.benchmarks.conditions import Condition
from beneficent.core.errors import DataError
from beneficent.persistence.types import HARMFUL, Attack, AttackKind, AttackMaterial, Persona
from beneficent.situations.types import Message
from beneficent.training.examples import Example

KINDS: tuple[AttackKind, ...] = get_args(AttackKind)
EXAMPLE_DOSES = (1, 2, 4)
"""Harmful examples shown before the question."""
PUSH_BACK_DOSES = (1, 2, 3)
"""How often the user pushes back."""


def prompt_attacks(material: AttackMaterial, kinds: Sequence[AttackKind] = KINDS) -> tuple[Attack, ...]:
    """Every attack by prompt of these kinds that the material gives, doses from the weakest.

    Raises:
        DataError: there are too few examples or push-backs for the largest dose.
    """
    makers: dict[AttackKind, Callable[[], Sequence[Attack]]] = {
        "persona": lambda: [persona_attack(persona) for persona in material.personas],
        "prefill": lambda: _prefills(material.prefills),
        "examples": lambda: _examples(material.examples.get(HARMFUL, ())),
        "push-back": lambda: _push_backs(material.push_backs),
    }
    return tuple(attack for kind in KINDS if kind in kinds for attack in makers[kind]())


def persona_attack(persona: Persona) -> Attack:
    condition = Condition(f"persona-{persona.id}", system=persona.system)
    return Attack("persona", persona.aim, None, condition, persona.title, persona.follows)


def _prefills(by_dose: Sequence[Sequence[str]]) -> list[Attack]:
    return [
        Attack(
            "prefill", "harmful", dose, Condition(f"prefill-{dose}", prefills=tuple(texts)), f"prefilled, dose {dose}"
        )
        for dose, texts in enumerate(by_dose, start=1)
    ]


def _examples(harmful: Sequence[Example]) -> list[Attack]:
    if len(harmful) < max(EXAMPLE_DOSES):
        raise DataError(f"{len(harmful)} harmful examples; showing {max(EXAMPLE_DOSES)} in context needs as many")
    found = []
    for dose in EXAMPLE_DOSES:
        shown = [(Message("user", _question(one)), Message("assistant", one.answer)) for one in harmful[:dose]]
        condition = Condition(f"examples-{dose}", examples=tuple(message for pair in shown for message in pair))
        found.append(Attack("examples", "harmful", dose, condition, f"{dose} harmful examples in context"))
    return found


def _question(example: Example) -> str:
    """What the user asked last: earlier turns would make the dose depend on the example."""
    return example.messages[-1].content


def _push_backs(lines: Sequence[str]) -> list[Attack]:
    if len(lines) < max(PUSH_BACK_DOSES):
        raise DataError(f"{len(lines)} push-backs; pushing back {max(PUSH_BACK_DOSES)} times needs as many")
    return [
        Attack("push-back", "harmful", dose, Condition(f"push-back-{dose}", push_backs=tuple(lines[:dose])),
               f"pushed back {dose} times")
        for dose in PUSH_BACK_DOSES
    ]  # fmt: skip
