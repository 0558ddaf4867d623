"""``beneficent situations write``: further situations, written by a model and let in by the audit."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from beneficent.cli.situations_filters import AsJson

if TYPE_CHECKING:
    from beneficent.situations.writing import Account


def write(
    trait: Annotated[str, typer.Option(help="Id of the trait, as 'situations stats' lists them.")],
    domain: Annotated[str, typer.Option(help="Id of the domain.")],
    n: Annotated[int, typer.Option("--n", help="How many situations to add.")],
    model: Annotated[str, typer.Option(help="<provider>/<model>; its key is read from the environment.")],
    out: Annotated[Path, typer.Option(help="Folder to add them to; calls and rejected drafts are kept there too.")],
    attempts: Annotated[int | None, typer.Option(help="Drafts begun at most; by default three times --n.")] = None,
    split: Annotated[Literal["train", "test"], typer.Option(help="'test' is for traits that are scored directly.")] = (
        "train"
    ),
    seed: Annotated[int, typer.Option(help="Draws the tags; another seed writes another batch.")] = 0,
    library: Annotated[
        Path | None, typer.Option(help="What must not be repeated, beside --out; by default the library shipped.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="Address of the server, if not the provider's own.")] = None,
    at_once: Annotated[int, typer.Option(help="Calls under way at once.")] = 8,
    timeout: Annotated[int, typer.Option(help="Seconds that one attempt of a call may take.")] = 300,
    retries: Annotated[int, typer.Option(help="How often a call is tried again when the server fails.")] = 3,
    max_tokens: Annotated[int, typer.Option(help="Length of one reply; thinking models need more.")] = 6000,
    price: Annotated[
        tuple[float, float] | None, typer.Option(help="US dollars for a million input and output tokens.")
    ] = None,
    schema: Annotated[bool, typer.Option(help="Ask the server to hold the model to the form of replies.")] = True,
    as_json: AsJson = False,
) -> None:
    """Write situations of one trait in one domain with a model. Exits with 1 if there are fewer than wanted.

    Killed anywhere, the same command goes on from there and asks nothing twice. The model wrote them, and nobody has
    reviewed them: each says so.
    """
    from beneficent.cli.display import harmless
    from beneficent.core.asking import Calling
    from beneficent.grading.rubric import score_points
    from beneficent.situations.loading import LIBRARY
    from beneficent.situations.writing import Order
    from beneficent.situations.writing import write as write_situations

    order = Order(trait, domain, n, model, out, attempts, split, seed, max_tokens, schema, library or LIBRARY)
    calling = Calling(base_url, None, at_once, timeout, retries, price)
    account = write_situations(order, calling, score_points, lambda line: typer.echo(harmless(line), err=as_json))
    typer.echo(json.dumps(_plain(account)) if as_json else harmless(_told(account)))
    if not account.complete:
        raise typer.Exit(1)


def _plain(account: "Account") -> dict[str, Any]:
    tally = account.tally
    return {
        "complete": account.complete,
        "cut_off": account.cut_off,
        "file": str(account.file),
        "wanted": account.wanted,
        "attempts": account.attempts,
        "accepted": account.accepted,
        "rejected": account.rejected,
        "failed": account.failed,
        "calls": {"replies": tally.replies, "cached": tally.cached, "failures": tally.failures},
        "input_tokens": tally.input_tokens,
        "output_tokens": tally.output_tokens,
        "dollars": tally.cost,
    }


def _told(account: "Account") -> str:
    tally = account.tally
    cost = "cost unknown (--price makes it known)" if tally.cost is None else f"{tally.cost:.2f} US dollars"
    lines = [
        f"{len(account.accepted)} of {account.wanted} accepted in {account.attempts} attempts, for {account.file}",
        f"rejected: {_counts(account.rejected)}",
        f"attempts that failed: {_counts(account.failed)}",
        f"calls: {tally.replies} replies, {tally.cached} of all outcomes kept from before; "
        f"failed: {_counts(tally.failures)}",
        f"spent now: {tally.input_tokens:,} input and {tally.output_tokens:,} output tokens, {cost}",
    ]
    if account.cut_off:
        lines.append("no call of the last attempts got through: the same command goes on when the server does")
    return "\n".join(lines)


def _counts(counts: "dict[str, int]") -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items())) or "none"
