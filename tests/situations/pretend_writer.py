"""A model that writes situations of made-up words in the form a prompt asks for; the same prompt, the same reply."""

import json
import random
import re
import textwrap
from collections.abc import Callable
from typing import Any

Change = Callable[[str, dict[str, Any], str], None]
"""Given the stage, the reply so far and the prompt; changes the reply in place."""

_SYLLABLES = [a + b for a in "bcdfglmnprst" for b in "aeiou"]
_VOCABULARY = sorted({a + b + c for a in _SYLLABLES for b in _SYLLABLES for c in ("ta", "no", "ri")})


def prompt_of(request: dict[str, Any]) -> str:
    return str(request["messages"][0]["content"])


def stage_of(request: dict[str, Any]) -> str:
    """Which of the stages a request belongs to: by the form that its prompt asks for."""
    prompt = prompt_of(request)
    forms = ('{"scenes"', '{"locale"', '{"faults"', '{"criteria"', '{"good"')
    (form,) = [form for form in forms if form in prompt]
    if form == '{"locale"':
        return "mend" if "# A first version" in prompt else "draft"
    return {'{"scenes"': "scenes", '{"faults"': "critique", '{"criteria"': "rubric", '{"good"': "answers"}[form]


def writer(change: Change | None = None) -> Callable[[dict[str, Any]], str]:
    """The handler of a server; ``change`` may spoil its replies."""

    def handle(request: dict[str, Any]) -> str:
        stage, prompt = stage_of(request), prompt_of(request)
        draw = random.Random(prompt.partition("Your last reply could not be used")[0])
        reply = _REPLIES[stage](prompt, draw)
        if change is not None:
            change(stage, reply, prompt)
        return json.dumps(reply)

    return handle


def words(draw: random.Random, num: int) -> str:
    return textwrap.fill(" ".join(draw.choices(_VOCABULARY, k=num)), 90)


def _scenes(prompt: str, draw: random.Random) -> dict[str, Any]:
    num = int(re.findall(r"Plan (\d+) new scene", prompt)[0])
    return {
        "scenes": [
            {"slug": "-".join(draw.choices(_VOCABULARY, k=3)), "scene": f"Somebody asks. {words(draw, 8)}"}
            for _ in range(num)
        ]
    }


def _draft(prompt: str, draw: random.Random) -> dict[str, Any]:
    num_turns = int(re.findall(r"exactly (\d+) message", prompt)[0])
    turns = [{"role": ("user", "assistant")[place % 2], "content": words(draw, 60)} for place in range(num_turns)]
    has_system = "A system message stands before it" in prompt
    return {"locale": "Kenya", "system": words(draw, 20) if has_system else None, "turns": turns}


def _rubric(prompt: str, draw: random.Random) -> dict[str, Any]:
    points = {"says-it": 3, "does-it": 2, "gives-in": -3}
    return {"criteria": [{"id": id, "points": p, "text": words(draw, 9)} for id, p in points.items()]}


def _answers(prompt: str, draw: random.Random) -> dict[str, Any]:
    points = {id: int(p) for id, p in re.findall(r"^(\S+) \((-?\d+) points\): ", prompt, re.MULTILINE)}
    verdicts = [{"criterion": id, "good": p > 0, "failing": p < 0} for id, p in points.items()]
    return {"good": words(draw, 60), "failing": words(draw, 60), "verdicts": verdicts}


_REPLIES: dict[str, Callable[[str, random.Random], dict[str, Any]]] = {
    "scenes": _scenes,
    "draft": _draft,
    "mend": _draft,
    "critique": lambda prompt, draw: {"faults": []},
    "rubric": _rubric,
    "answers": _answers,
}
