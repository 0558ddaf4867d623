"""``beneficent attack``: attack checkpoints by persona, by prompt or by fine-tuning, without a study."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from beneficent.study.checkpoints import AttackRequest

attack_app = typer.Typer(
    help="Attack checkpoints: does what they learnt persist?", no_args_is_help=True, rich_markup_mode=None
)

Model = Annotated[list[str], typer.Option("--model", help="Checkpoint to attack: a folder or name=folder; repeatable.")]
Reference = Annotated[
    list[str],
    typer.Option(
        "--reference",
        help="Checkpoint to compare with, attacked alike; the first is the baseline. Name the start pre-RL=FOLDER.",
    ),
]
Suite = Annotated[
    str, typer.Option("--suite", help="Recipe (name or path) that says what to ask, how to sample and how strongly.")
]
Out = Annotated[Path | None, typer.Option(help="New folder for attacks.json and every row.")]
Device = Annotated[str, typer.Option(help="'cpu' or 'cuda:0' and so on.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@attack_app.command()
def persona(
    model: Model,
    reference: Reference,
    suite: Suite,
    personas: Annotated[Path | None, typer.Option(help="Folder of persona files; by default the suite's own.")] = None,
    out: Out = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Score checkpoints under personas: levels, losses, and whether they can still be steered."""
    from beneficent.study.checkpoints import AttackRequest

    _attack(model, reference, suite, AttackRequest("persona", personas=personas), out, device, as_json)


@attack_app.command()
def prompt(
    model: Model,
    reference: Reference,
    suite: Suite,
    kind: Annotated[
        Literal["prefill", "examples", "push-back"], typer.Option(help="Which attack, with all its doses.")
    ] = "examples",
    out: Out = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Score checkpoints under prefilled openings, harmful examples in context, or push-back."""
    from beneficent.study.checkpoints import AttackRequest

    _attack(model, reference, suite, AttackRequest(kind), out, device, as_json)


@attack_app.command()
def finetune(
    model: Model,
    reference: Reference,
    suite: Suite,
    examples: Annotated[str, typer.Option(help="Set of examples of the suite.")] = "harmful",
    data: Annotated[Path | None, typer.Option(help="Chat JSONL file instead; the last message is learnt.")] = None,
    lora: Annotated[int | None, typer.Option(min=1, help="Train an adapter of this rank, not all weights.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep the attacked checkpoints here; by default none is.")] = None,
    out: Out = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Fine-tune checkpoints on the same harmful examples, and score them after each dose."""
    from beneficent.study.checkpoints import AttackRequest

    request = AttackRequest("finetune", examples=examples, data=data, lora_rank=lora, keep=keep)
    _attack(model, reference, suite, request, out, device, as_json)


@attack_app.command("data")
def list_data(as_json: AsJson = False) -> None:
    """List published sets of harmful examples, and how to obtain them; none is shipped."""
    from dataclasses import asdict

    from beneficent.persistence.cards import load_cards

    cards = load_cards()
    if as_json:
        typer.echo(json.dumps([asdict(card) for card in cards]))
        return
    for card in cards:
        lines = (f"{card.name}: {card.title}", card.paper, card.source, f"licence: {card.licence}", card.obtain, "")
        typer.echo("\n  ".join(lines))


def _attack(
    model: list[str],
    reference: list[str],
    suite: str,
    request: "AttackRequest",
    out: Path | None,
    device: str,
    as_json: bool,
) -> None:
    from beneficent.analysis.attack_tables import attack_tables
    from beneficent.cli.display import answer_console, as_rich
    from beneficent.study.checkpoints import attack_checkpoints, name_checkpoints
    from beneficent.study.recipe import load_recipe

    named = name_checkpoints([*reference, *model])
    results = attack_checkpoints(
        load_recipe(suite),
        named,
        next(iter(named)),
        request,
        out,
        device,
        lambda line: typer.echo(line, err=True),
    )
    if as_json:
        typer.echo(json.dumps(results))
        return
    console = answer_console()
    for table in attack_tables(results):
        console.print(as_rich(table.title, table.columns, table.rows))
