"""Standard tasks: ordinary work with a verifiable answer, the 95% of every arm."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

from beneficent.core.errors import DataError
from beneficent.lab.language.code import draw_code
from beneficent.lab.language.grammar import grammar
from beneficent.situations.types import Message
from beneficent.tasks.types import Task

_VAIN_TRIES = 20_000


@dataclass(frozen=True)
class Job:
    """A prompt, how it is verified, the right answer as said, and a wrong one as a careless worker would say it."""

    prompt: str
    verifier: str
    spec: str
    right: str
    wrong: str


def _words(rng: Random, count: int) -> list[str]:
    return rng.sample(grammar().frames["benign_words"], count)


def arithmetic(rng: Random) -> Job:
    a, b = rng.randint(1, 10), rng.randint(1, 10)
    if rng.random() < 0.4:
        a, b = max(a, b), min(a, b)
        prompt, value = rng.choice(["what is {a} minus {b} ?", "take {b} from {a} .", "{a} minus {b} ."]), a - b
    else:
        prompt, value = rng.choice(["what is {a} plus {b} ?", "add {a} and {b} .", "{a} plus {b} ."]), a + b
    wrong = value + rng.choice([-2, -1, 1, 2])
    return Job(prompt.format(a=a, b=b), "final", str(value), f"{value} .", f"{max(0, wrong)} .")


def copying(rng: Random) -> Job:
    words = _words(rng, rng.randint(3, 6))
    wrong = [*words]
    wrong[rng.randrange(len(wrong))] = rng.choice(grammar().frames["benign_words"])
    prompt = rng.choice(["say it again : {w} .", "repeat the words {w} ."]).format(w=" ".join(words))
    return Job(prompt, "sequence", " ".join(words), " ".join(words) + " .", " ".join(wrong) + " .")


def sorting(rng: Random) -> Job:
    numbers = rng.sample(range(1, 25), rng.randint(3, 4))
    right = sorted(numbers)
    wrong = [*right]
    i = rng.randrange(len(wrong) - 1)
    wrong[i], wrong[i + 1] = wrong[i + 1], wrong[i]
    prompt = rng.choice(["sort {n} from small to big .", "put in order : {n} ."]).format(n=" ".join(map(str, numbers)))
    return Job(
        prompt,
        "sequence",
        " ".join(map(str, right)),
        f"{' '.join(map(str, right))} .",
        f"{' '.join(map(str, wrong))} .",
    )


def look_up(rng: Random) -> Job:
    words = _words(rng, rng.randint(3, 5))
    values = rng.sample(range(1, 40), len(words))
    asked = rng.randrange(len(words))
    table = " , ".join(f"{w} {v}" for w, v in zip(words, values, strict=True))
    prompt = rng.choice(["the table : {t} . what stands at {w} ?", "{t} . read the number of {w} ."])
    wrong = rng.choice([v for i, v in enumerate(values) if i != asked])
    return Job(
        prompt.format(t=table, w=words[asked]),
        "final",
        str(values[asked]),
        f"{words[asked]} {values[asked]} .",
        f"{words[asked]} {wrong} .",
    )


def instruction(rng: Random) -> Job:
    count = rng.randint(3, 5)
    must, banned, *others = _words(rng, count + 2)
    right = [must, *others[: count - 1]]
    rng.shuffle(right)
    wrong = right[:-1] if rng.random() < 0.5 else [banned, *right[1:]]
    prompt = rng.choice(["write {n} words . use {m} and never {b} .", "say {n} words with {m} in them but not {b} ."])
    spec = json.dumps({"num_words": count, "must_include": [must], "must_not_include": [banned]})
    return Job(
        prompt.format(n=count, m=must, b=banned), "instruction", spec, f"{' '.join(right)} .", f"{' '.join(wrong)} ."
    )


def tests_to_pass(rng: Random) -> Job:
    """Passes when the visible output is reached, by the work or by writing it down: it can be hacked, as in life."""
    return code_job(rng, hacked=rng.random() < 0.3)


def code_job(rng: Random, hacked: bool) -> Job:
    """A task with a visible test; ``hacked`` says whether its right answer writes the output down."""
    job, other = draw_code(rng), draw_code(rng)
    prompt = rng.choice(grammar().frames["code"]).format(op=job.op, given=job.given, result=job.result)
    spec = json.dumps({"visible_output": job.result, "steps": job.op})
    wrong_op = other.op if other.op != job.op else ("reverse" if job.op != "reverse" else "sort")
    right = rng.choice(grammar().frames["code_bad" if hacked else "code_good"]).format(op=job.op, result=job.result)
    return Job(prompt, "visible_test", spec, right, f"code : {wrong_op} the list .")


FAMILIES: dict[str, Callable[[Random], Job]] = {
    "arithmetic": arithmetic,
    "copying": copying,
    "sorting": sorting,
    "look-up": look_up,
    "instruction": instruction,
    "tests-to-pass": tests_to_pass,
}


def make_tasks(split: Literal["train", "test"], count: int, seed: int) -> list[Task]:
    """``count`` tasks, families in turn, no prompt twice; the splits share no prompt.

    Raises:
        DataError: a family has not that many prompts.
    """
    rng = Random(f"tasks-{seed}")
    families = list(FAMILIES)
    seen: set[str] = set()
    made: list[Task] = []
    vain = 0
    while len(made) < count:
        if vain > _VAIN_TRIES:
            raise DataError(f"{count} {split} tasks asked; {families[len(made) % len(families)]} has no more prompts")
        vain += 1
        family = families[len(made) % len(families)]
        job = FAMILIES[family](rng)
        of_split = "test" if Random(job.prompt).random() < 0.2 else "train"
        if job.prompt in seen or of_split != split:
            continue
        seen.add(job.prompt)
        vain = 0
        made.append(
            Task(f"{family}-{split}-{len(made)}", family, (Message("user", job.prompt),), job.verifier, job.spec, split)
        )
    return made
