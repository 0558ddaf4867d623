"""``beneficent study``: run a recipe, look at a run, freeze its questions."""

import json
from pathlib import Path
from typing import Annotated

import typer

study_app = typer.Typer(help="Run a study and read its answer.", no_args_is_help=True, rich_markup_mode=None)

RecipeName = Annotated[str, typer.Argument(metavar="RECIPE", help="Name of a recipe, or path of a .toml file.")]
RunDir = Annotated[Path, typer.Argument(metavar="DIR", help="A run folder.")]
Out = Annotated[Path | None, typer.Option(help="Run folder; by default runs/<recipe>-<digest>.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Worker processes on the CPU; by default one a core.")]
Devices = Annotated[str, typer.Option(help="'cpu', or GPUs such as '0', '0,2' or '0-7': one worker each.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@study_app.command()
def run(
    recipe: RecipeName,
    out: Out = None,
    workers: Workers = None,
    devices: Devices = "cpu",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a recipe to its end, or go on where an earlier call was stopped; then print its answer."""
    from beneficent.cli.display import print_answer, print_counts, show_run
    from beneficent.study.recipe import load_recipe
    from beneficent.study.run import Options, read_results, run_study
    from beneficent.study.run import dry_run as count

    options = Options(out, workers, read_devices(devices))
    if dry_run:
        print_counts(count(load_recipe(recipe), options), as_json)
        return
    with show_run(as_json) as listen:
        folder = run_study(load_recipe(recipe), options, listen)
    print_answer(read_results(folder), folder.report, as_json)


@study_app.command()
def show(run_dir: RunDir, as_json: AsJson = False) -> None:
    """Print the answer of a finished run."""
    from beneficent.cli.display import print_answer
    from beneficent.study.folder import RunFolder
    from beneficent.study.run import read_results

    folder = RunFolder(run_dir)
    print_answer(read_results(folder), folder.report, as_json)


@study_app.command()
def steps(run_dir: RunDir, as_json: AsJson = False) -> None:
    """Print every step of a run: done, ready, or waiting for another."""
    from beneficent.study.folder import RunFolder
    from beneficent.study.run import step_statuses

    found = step_statuses(RunFolder(run_dir))
    if as_json:
        typer.echo(json.dumps([{"step": step.name, "status": status, "marker": step.marker} for step, status in found]))
        return
    for step, status in found:
        typer.echo(f"{status:8} {step.name}")
    typer.echo(f"{sum(status == 'done' for _, status in found)} of {len(found)} steps are done")


@study_app.command()
def preregister(recipe: RecipeName, out: Out = None) -> None:
    """Freeze the questions, contrasts and rules of a recipe before anything is trained."""
    from beneficent.study.recipe import load_recipe
    from beneficent.study.run import freeze

    folder, content = freeze(load_recipe(recipe), out)
    for question in content["questions"]:
        typer.echo(f"{question['question']} [{question.get('contrast', question.get('gate'))}]")
    typer.echo(f"frozen on {content['date']} in {folder.preregistration}")


def read_devices(text: str) -> tuple[str, ...]:
    """``'cpu'`` is ``('cpu',)``; ``'0,2-3'`` is ``('cuda:0', 'cuda:2', 'cuda:3')``; raises ``typer.BadParameter``."""
    if text == "cpu":
        return ("cpu",)
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not (first.isdigit() and (last.isdigit() or not dash)):
            raise typer.BadParameter(
                f"--devices is {text!r}; allowed are 'cpu', or numbers such as '0', '0,2' or '0-7'"
            )
        numbers += range(int(first), int(last or first) + 1)
    if not numbers or len(set(numbers)) < len(numbers):
        raise typer.BadParameter(f"--devices is {text!r}; every GPU is named once, the smaller number first")
    return tuple(f"cuda:{number}" for number in numbers)
