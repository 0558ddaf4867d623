"""The section ``attacks`` of ``results.json`` as tables. Differences are in points of 100."""

from collections.abc import Mapping
from typing import Any

from beneficent.analysis.cells import UNKNOWN, Results, Table, interval, number, points, score, share

_EMPTY = Table("Attacks", (), [])


def panel_table(results: Results) -> Table:
    own = results["attacks"]
    if not own:
        return _EMPTY
    rows = [
        (
            panel["title"],
            "health" if panel["health"] else "elsewhere",
            "trained" if panel["trained_format"] else "other",
        )
        for panel in own["panel"]
    ]
    found = own["detectable"]
    title = f"The attack panel: {len(rows)} benchmarks, {own['items']} items"
    if found is not None:
        title += f"; a true difference of {100 * found:.1f} points is found with 80% power"
    return Table(title, ("benchmark", "side", "format"), rows)


def prompts_table(results: Results) -> Table:
    """Level of every arm under every attack by prompt, clean first, and what may not be read."""
    own = results["attacks"]
    if not own:
        return _EMPTY
    rows = [("clean", "", *(score(own["clean"][arm]["level"]) for arm in own["arms"]), UNKNOWN)]
    rows += [
        (
            entry["condition"],
            entry["aim"],
            *(score(entry["levels"][arm]["level"]) for arm in own["arms"]),
            _note(entry),
        )
        for entry in own["prompts"]
    ]
    return Table("Level on the panel under attacks by prompt (0 to 1)", ("attack", "aim", *own["arms"], "note"), rows)


def _note(entry: Mapping[str, Any]) -> str:
    notes = []
    if entry["valid"] is False:
        notes.append("invalid: does not lower pre-RL")
    if entry["valid"] is None and entry["aim"] == "harmful":
        notes.append("validity not known")
    if entry["inert"]:
        notes.append("inert")
    if entry["unreadable"]:
        notes.append("unreadable: under half graded")
    return "; ".join(notes) or UNKNOWN


def prompt_losses_table(results: Results) -> Table:
    """What each arm lost against the baseline under each harmful attack by prompt."""
    own = results["attacks"]
    if not own:
        return _EMPTY
    rows = [
        (
            f"{entry['condition']}: {arm}",
            points(entry["loss"][results["baseline"]]["value"]),
            points(entry["loss"][arm]["value"]),
            points(estimate["value"]),
            interval(estimate, "these_models"),
            interval(estimate, "this_method"),
            points(entry["level_against"][arm]["value"]),
            interval(entry["level_against"][arm], "these_models"),
        )
        for entry in own["prompts"]
        if entry["aim"] == "harmful"
        for arm, estimate in entry["loss_against"].items()
    ]
    columns = (
        "attack: arm", "baseline loses", "arm loses", "difference in loss", "95% these models", "95% this method",
        "difference in level", "95% these models",
    )  # fmt: skip
    return Table("Losses under harmful attacks by prompt (points; below zero: the arm loses less)", columns, rows)


def steerability_table(results: Results) -> Table:
    own = results["attacks"]
    if not own or not any(arm["helpful"] or arm["follow_rates"] for arm in own["steerability"].values()):
        return _EMPTY
    helpful = list(dict.fromkeys(name for arm in own["steerability"].values() for name in arm["helpful"]))
    rows = [
        (
            arm,
            *(
                f"{score(entry['helpful'][name]['level'])} ({points(entry['helpful'][name]['gain']['value'])})"
                for name in helpful
            ),
            share(entry["follow_rate"]),
            {True: "rigid", False: "no", None: UNKNOWN}[entry["rigid"]],
        )
        for arm, entry in own["steerability"].items()
    ]
    columns = ("arm", *(f"{name}: level (gain)" for name in helpful), "follow rate, neutral personas", "rigid")
    return Table("Is it still steerable?", columns, rows)


def dose_table(results: Results, name: str) -> Table:
    """Level in the domain and elsewhere by dose for one set of examples; the re-alignment behind it."""
    own = results["attacks"]["fine_tuning"][name]
    stages = [("", own["curves"]), ("re-aligned, ", own.get("realignment", {}))]
    rows = [
        (
            f"{arm}: {stage}{point['dose']}",
            score(point["in_domain"]),
            score(point["elsewhere"]),
            score(point["capability"]),
            number(point["loss"], 3),
            share(point["graded"]),
        )
        for stage, curves in stages
        for arm, curve in curves.items()
        for point in curve
    ]
    columns = ("arm: updates", "in the domain", "elsewhere", "capability", "loss, nats a token", "graded")
    return Table(f"Fine-tuning on {name} examples: levels by dose (0 to 1)", columns, rows)


def validity_table(results: Results) -> Table:
    """Whether each fine-tune is an attack at all, and what it left."""
    own = results["attacks"]
    if not own:
        return _EMPTY
    rows = []
    for name, tuned in own["fine_tuning"].items():
        valid = tuned["validity"]
        said = {True: f"yes, from {valid['dose']} updates on", False: f"no: {valid['reason']}", None: UNKNOWN}
        for arm, halves in tuned["half_life"].items():
            matched = tuned["matched"]["arms"].get(arm, {})
            rows.append(
                (
                    f"{name}: {arm}",
                    said[valid["valid"]],
                    *(_half(halves[side]) for side in ("in_domain", "elsewhere")),
                    score(matched.get("elsewhere")),
                    points(matched.get("difference")),
                    f"{points(matched['low'])} to {points(matched['high'])}" if "low" in matched else UNKNOWN,
                )
            )
    columns = (
        "examples: arm", "an attack on pre-RL", "half-life in the domain", "half-life elsewhere",
        "elsewhere at equal harm", "difference to baseline", "95% these models",
    )  # fmt: skip
    return Table(
        "Fine-tuning attacks: validity, half-life in updates, and behaviour elsewhere at equal harm", columns, rows
    )


def _half(own: Mapping[str, Any]) -> str:
    return f"{own['dose']:.0f}" if own["dose"] is not None else str(own["reason"])


def supervised_table(results: Results) -> Table:
    """How far the supervised control came to the trait score it was to have."""
    own = (results["attacks"] or {}).get("supervised") or {}
    rows = [
        (
            f"seed {seed}",
            str(entry["steps"]),
            score(entry["reached"]),
            score(entry["wanted"]),
            "" if entry["reached"] >= entry["wanted"] else "short of it",
        )
        for seed, entry in own.items()
    ]
    columns = ("sft-trait", "updates", "held-out trait score", "wanted (the trait arm's)", "note")
    return Table("The supervised control", columns, rows)


def attack_tables(results: Results) -> list[Table]:
    """All of them, in the order of the page; empty ones are left out."""
    if not results["attacks"]:
        return []
    found = [
        panel_table(results),
        prompts_table(results),
        prompt_losses_table(results),
        steerability_table(results),
        supervised_table(results),
        validity_table(results),
        *(dose_table(results, name) for name in results["attacks"]["fine_tuning"]),
    ]
    return [table for table in found if table.rows]
