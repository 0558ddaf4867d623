"""``beneficent structure``: do benchmarks share a factor over independent models?"""

import json
from pathlib import Path
from typing import Annotated

import typer


def structure(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Finished run folders.")],
    permutations: Annotated[int, typer.Option(min=100, help="Permutations of each null.")] = 10_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Mean Spearman correlation and first component of all benchmarks, against nulls; refused under eight runs."""
    from beneficent.analysis.structure import structure as analyse
    from beneficent.analysis.structure import structure_table
    from beneficent.cli.display import answer_console, as_rich
    from beneficent.study.levels import read_levels

    levels = read_levels(runs)
    found = analyse(
        levels.values, levels.models, levels.benchmarks, levels.capability, levels.traits, num_permutations=permutations
    )
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = structure_table({"structure": found})
    answer_console().print(as_rich(table.title, table.columns, table.rows))
