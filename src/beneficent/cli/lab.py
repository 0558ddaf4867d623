"""``beneficent lab``: the whole study on the embedded world, and the making of its checkpoints."""

from pathlib import Path
from typing import Annotated

import typer

from beneficent.cli.study import AsJson, Devices, Workers, read_devices

lab_app = typer.Typer(
    help="The embedded world: the whole study on two cores, without a download.", rich_markup_mode=None
)


@lab_app.callback(invoke_without_command=True)
def lab(
    context: typer.Context,
    workers: Workers = None,
    devices: Devices = "cpu",
    quick: Annotated[bool, typer.Option("--quick", help="Only the quick study, without the whole one.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the quick study and print its answer, then the whole one, and say where its report is."""
    if context.invoked_subcommand is not None:
        return
    from beneficent.cli.display import print_answer, show_run
    from beneficent.study.recipe import load_recipe
    from beneficent.study.run import Options, read_results, run_study

    options = Options(workers=workers, devices=read_devices(devices))
    for name in ("lab-quick",) if quick else ("lab-quick", "lab"):
        with show_run(as_json) as listen:
            folder = run_study(load_recipe(name), options, listen)
        print_answer(read_results(folder), folder.report, as_json)


@lab_app.command()
def pretrain(
    world: Annotated[str, typer.Option(help="Which world's language to learn.")] = "default",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the checkpoint and its card; by default runs/checkpoints/<world>-<seed>."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the corpus and of the first weights.")] = 0,
    tokens: Annotated[int | None, typer.Option(min=1, help="Tokens to train on, instead of the world's own.")] = None,
) -> None:
    """Make a checkpoint from a seed, evaluate it and write its card."""
    from beneficent.study.registry import COMMANDS, load_object

    load_object(COMMANDS["lab pretrain"], "lab pretrain")(world=world, out=out, seed=seed, tokens=tokens)
