"""Make a checkpoint: pretrain, save, evaluate, and write its card, each file whole or not at all."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinja2 import Environment

from beneficent.core.files import write_json, write_text
from beneficent.lab.evaluation import evaluate
from beneficent.lab.language.world import world
from beneficent.lab.pretraining import Pretraining, pretrain
from beneficent.policy.loading import Policy, load_policy, save_policy
from beneficent.policy.rendering import Renderer, Thinking

THINKING = Thinking("<think>", "<say>")


def write_card(folder: Path, facts: dict[str, Any], scores: dict[str, Any], parameters: int) -> None:
    """``card.json`` with every number and ``README.md`` with the readable ones."""
    write_json(folder / "card.json", {"facts": facts, "scores": scores, "parameters": parameters})
    template = (Path(__file__).parent / "card.md.jinja").read_text(encoding="utf-8")
    page = Environment(autoescape=False, trim_blocks=True).from_string(template)
    write_text(folder / "README.md", page.render(facts=facts, scores=scores, parameters=parameters))


def make_checkpoint(name: str, out: Path, settings: Pretraining) -> dict[str, Any]:
    """Pretrain the world ``name`` and leave a folder that ``from_pretrained`` opens; returns the scores of its card."""
    model, tokenizer, facts = pretrain(world(name), settings)
    save_policy(Policy(model, tokenizer, Renderer(tokenizer, THINKING), out), out, dtype="bfloat16")
    policy = load_policy(out, THINKING)
    scores = evaluate(policy)
    write_card(out, facts, scores, sum(p.numel() for p in policy.model.parameters()))
    return scores


def pretrain_command(world: str = "default", out: Path | None = None, seed: int = 0, tokens: int | None = None) -> None:
    """What ``beneficent lab pretrain`` does; prints the scores as JSON.

    Raises:
        DataError: no world of that name.
    """
    settings = replace(Pretraining(), seed=seed, tokens=Pretraining.tokens if tokens is None else tokens)
    folder = out or Path("runs") / "checkpoints" / f"{world}-{seed}"
    print(json.dumps(make_checkpoint(world, folder, settings), indent=1))
    print(f"checkpoint and card: {folder}")
