"""``results.json`` as tables of text, for the terminal and for the page. Differences are in points of 100."""

from collections.abc import Mapping
from typing import Any

from beneficent.analysis.attack_tables import attack_tables
from beneficent.analysis.cells import (
    UNKNOWN,
    Results,
    Table,
    gate,
    interval,
    mean,
    means,
    number,
    points,
    ratio,
    score,
    share,
)
from beneficent.analysis.comparison_tables import (
    arms_table,
    families_by_arm_table,
    families_table,
    subsets_table,
    transfer_table,
)
from beneficent.analysis.curves import drift_table
from beneficent.analysis.domains import domains_table
from beneficent.analysis.published import PUBLISHED
from beneficent.analysis.sheets import START
from beneficent.analysis.structure import structure_table
from beneficent.analysis.worlds import worlds_table


def tables(results: Results) -> list[Table]:
    """All tables of a study but the per-benchmark one, in the order of the page; empty ones are left out."""
    found = [
        trait_table(results),
        arms_table(results),
        subsets_table(results),
        families_table(results, results["trait_arm"]),
        families_by_arm_table(results),
        transfer_table(results),
        domains_table(results),
        controls_table(results),
        capability_table(results),
        refusal_table(results),
        pairs_table(results),
        mediation_table(results),
        share_table(results),
        over_optimisation_table(results),
        monitoring_table(results),
        *attack_tables(results),
        worlds_table(results),
        structure_table(results),
        learning_table(results),
        drift_table(results),
        ledger_table(results),
        seconds_table(results),
        denominators_table(results),
        unscored_table(results),
        published_table(results),
    ]
    return [table for table in found if table.rows]


def trait_table(results: Results) -> Table:
    arms = list(results["arms"])
    levels = results["traits"]["levels"]
    rows = [(row["trait"], *(score(row["levels"].get(arm)) for arm in arms)) for row in levels]
    if rows:
        per_arm = [[row["levels"].get(arm) for row in levels] for arm in arms]
        rows.append(("mean", *(score(mean(own)) for own in per_arm)))
        for kind, name in (("these_models", "95% these models"), ("this_method", "95% this method")):
            own = results["traits"]["arms"]
            rows.append((f"against {results['baseline']}, {name}", *(interval(own.get(arm), kind) for arm in arms)))
    return Table("Held-out trait score (0 to 1)", ("trait", *arms), rows)


def controls_table(results: Results) -> Table:
    rows = []
    for arm, own in results["controls"].items():
        bites = own["bites"]
        verdict = {True: "yes", False: "no", None: "not settled"}[bites["bites"]]
        rise = bites["rise"]
        rows.append(
            (
                arm,
                verdict,
                gate(bites["spread"], "ratio", "{:.2f}"),
                gate(bites["correlation"], "value", "{:+.2f}"),
                gate(rise, "value", "{:+.3f}"),
            )
        )
    columns = ("control", "reward bites", "spread / trait's", "correlation with trait's", "rise of reward")
    return Table("Controls: does their reward bite?", columns, rows)


def capability_table(results: Results) -> Table:
    rows = [
        (f"{role}: {arm}", score(own["pre_rl"]), score(own["reference_level"]), score(own["level"]), *means(own))
        for role in ("capability", "chat")
        for arm, own in results[role].items()
    ]
    columns = ("role: arm", START, results["baseline"], "arm", "points", "95% these models", "95% this method")
    return Table("Capability and everyday chat (0 to 1)", columns, rows)


def refusal_table(results: Results) -> Table:
    rows = []
    for arm in results["arms"]:
        cells = []
        for suite in ("alignment", "chat"):
            own = results["refusals"][suite].get(arm, {})
            cells += [share(own.get("refusal")), share(own.get("partial")), f"{own.get('classed', 0):,}"]
        rows.append((arm, *cells))
    columns = ("arm", "alignment: refusal", "partial", "classed", "chat: refusal", "partial", "classed")
    return Table("Refusals (share of classed answers)", columns, rows)


def pairs_table(results: Results) -> Table:
    rows = [
        (
            arm,
            f"{own['pairs']:,}",
            f"{own['left_out']:,}",
            str(own["ahead"]),
            str(own["tied"]),
            str(own["behind"]),
            points(own["difference"]),
            f"{points(own['low'])} to {points(own['high'])}",
        )
        for arm, own in results["refusals"]["non_refusing"].items()
    ]
    columns = ("arm", "pairs", "left out", "ahead", "tied", "behind", "mean points", "bounds with the left out")
    return Table("Pairs where neither arm refuses (a description)", columns, rows)


def mediation_table(results: Results) -> Table:
    own = results["mediation"]
    if not own:
        return Table("Mediation", (), [])
    level = {(row["arm"], row["condition"]): row for row in own["levels"]}
    rows = []
    for arm in results["arms"]:
        mine = [level.get((arm, condition)) for condition in own["conditions"]]
        if any(cell and cell["asked"] for cell in mine):
            rows.append((arm, *(score(cell["level"] if cell else None) for cell in mine)))
    title = f"Mediation: level on the panel ({len(own['benchmarks'])} benchmarks, {own['items']} items)"
    return Table(title, ("arm", *own["conditions"]), rows)


def share_table(results: Results) -> Table:
    own = results["mediation"]
    if not own:
        return Table("Mediation", (), [])
    rows = []
    for arm, readings in own["arms"].items():
        for name, reading in readings.items():
            if not reading["benchmarks"]:
                continue
            through = reading["share"]
            text = through["reason"] or f"{through['value']:.0%} ({through['low']:.0%} to {through['high']:.0%})"
            cells = [points(reading["differences"][c]["these_models"]["value"]) for c in own["conditions"]]
            rows.append((f"{arm}: {name}", str(reading["benchmarks"]), *cells, text))
    columns = ("arm: formats", "benchmarks", *own["conditions"], "share through the thought (95% these models)")
    return Table(f"Mediation: difference against {results['baseline']}, points", columns, rows)


def over_optimisation_table(results: Results) -> Table:
    """The training rubric beside the second grader: at the end of training, how far the gap grew, and held out."""
    rows = []
    for arm, own in (results["over_optimisation"] or {}).items():
        end = own["curve"][-1] if own["curve"] else {}
        growth = own["growth"]
        known = growth["low"] is not None
        rows.append(
            (
                arm,
                f"{own['answers']:,}",
                f"{own['unscored']:,}",
                score(end.get("rubric")),
                score(end.get("second")),
                points(growth["value"]),
                f"{points(growth['low'])} to {points(growth['high'])}" if known else UNKNOWN,
                {True: "yes", False: "no", None: UNKNOWN}[own["parted"]],
                score(own["held_out"]["rubric"]),
                score(own["held_out"]["second"]),
            )
        )
    columns = (
        "arm", "answers", "unscored", "rubric at the end", "second grader", "growth of the gap", "95%", "parted",
        "held out: rubric", "second grader",
    )  # fmt: skip
    return Table("Over-optimisation: the training rubric beside a second grader", columns, rows)


def monitoring_table(results: Results) -> Table:
    """How well misbehaviour is seen with the thought and without, on all monitoring benchmarks and on each."""
    own = results["monitoring"]
    if not own:
        return Table("Monitorability", (), [])
    rows = []
    for name, by_arm in own["benchmarks"].items():
        for arm, cell in by_arm.items():
            kinds = ("with_thought", "answer_only", "difference")
            values = [
                UNKNOWN if cell[measure] is None else f"{cell[measure][kind]:.3f}"
                for measure in ("auroc", "tpr_tnr")
                for kind in kinds
            ]
            counts = f"{cell['positives']} / {cell['negatives']}"
            rows.append((f"{name}: {arm}", counts, *values, cell["reason"] or ""))
    columns = (
        "benchmark: arm", "misbehaving / other", "AUROC with thought", "answer only", "difference",
        "TPR x TNR with thought", "answer only", "difference", "not said because",
    )  # fmt: skip
    return Table("Monitorability: a monitor learnt on the pre-RL policy", columns, rows)


def learning_table(results: Results) -> Table:
    rows = []
    for arm, own in results["learning"]["arms"].items():
        length = results["length"].get(arm)
        live = [ratio(own.get(f"live_{kind}"), own.get(f"groups_{kind}")) for kind in ("standard", "trait")]
        drift = [
            f"{number(length[part]['start'])} to {number(length[part]['end'])}" if length else UNKNOWN
            for part in ("thought_tokens", "answer_tokens")
        ]
        moved = (number(own["weight_change"], 4), number(own["update_norm"], 4), number(own["kl"], 4))
        out = (share(own["truncated_share"]), share(own["unscored_share"]))
        rows.append((arm, *moved, *live, *out, *drift))
    title = "Learning and length (means over seeds)"
    matched = results["learning"]["matched_in_learning"]
    if matched is False:
        title += ": matched in compute, not in learning"
    columns = (
        "arm",
        "weight change",
        "update norm",
        "KL from start",
        "live standard",
        "live trait",
        "cut",
        "unscored",
        "thought tokens",
        "answer tokens",
    )
    return Table(title, columns, rows)


def ledger_table(results: Results) -> Table:
    rows = [
        (
            arm,
            str(own["runs"]),
            f"{own['prompts']:,}",
            f"{own['completions']:,}",
            f"{own['tokens_sampled']:,}",
            f"{own['tokens_trained']:,}",
            f"{own['flops']:.3g}",
            UNKNOWN if own["flops_ratio"] is None else f"{own['flops_ratio']:.3f}",
            f"{own['judge_calls']:,}",
            f"{sum(own['seconds'].values()):.0f}",
        )
        for arm, own in results["ledgers"].items()
    ]
    columns = (
        "arm",
        "runs",
        "prompts",
        "completions",
        "tokens sampled",
        "tokens trained",
        "flop",
        "flop / baseline",
        "judge",
        "s",
    )
    return Table("Ledger, all seeds together (flop ratio is a run)", columns, rows)


def seconds_table(results: Results) -> Table:
    """Wall-clock seconds of training by stage."""
    ledgers = results["ledgers"]
    stages = list(dict.fromkeys(stage for own in ledgers.values() for stage in own["seconds"]))
    rows = [(arm, *(number(own["seconds"].get(stage)) for stage in stages)) for arm, own in ledgers.items() if stages]
    return Table("Seconds of training by stage, all seeds together", ("arm", *stages), rows)


def denominators_table(results: Results) -> Table:
    rows = [
        (f"{arm}: {role}", *(f"{own[key]:,}" for key in ("asked", "answered", "graded", "failed")))
        for arm, roles in results["denominators"].items()
        for role, own in roles.items()
    ]
    return Table("Denominators, clean condition", ("arm: role", "asked", "answered", "graded", "failed"), rows)


def unscored_table(results: Results) -> Table:
    """Unscored answers by reason and arm, all conditions together; the conditions stand in ``results.json``."""
    arms = list(results["arms"])
    counts: dict[str, dict[str, int]] = {}
    for row in results["unscored"]:
        own = counts.setdefault(row["reason"], {})
        own[row["arm"]] = own.get(row["arm"], 0) + row["count"]
    rows = [(reason, *(f"{own.get(arm, 0):,}" for arm in arms)) for reason, own in counts.items()]
    return Table("Why answers are unscored (all conditions)", ("reason", *arms), rows)


def published_table(results: Results) -> Table:
    trait = results["trait_arm"]
    here: dict[str, str] = {}
    if trait in results["spread"]:
        subsets = results["spread"][trait]["subsets"]
        here |= {"spread": _brief(subsets["all"]), "traffic": _brief(subsets["traffic"])}
    for role, question in (("traits", "installed"), ("capability", "capability")):
        own = results[role].get("arms", results[role]).get(trait)
        if own and own["difference"] is not None:
            here[question] = f"{own['reference_level']:.3f} -> {own['level']:.3f} ({points(own['difference'])} points)"
    here |= {question: _brief(line["all"]) for question, line in results["transfer"].items()}
    for arm, own in results["controls"].items():
        inert = " (inert: its reward does not bite)" if own["bites"]["bites"] is False else ""
        here[arm] = _brief(own["against_baseline"]["all"]) + inert
    if trait in results["refusals"]["alignment"]:
        both = (results["baseline"], trait)
        rates = [
            f"{suite} " + " -> ".join(share(results["refusals"][suite][arm]["refusal"]) for arm in both)
            for suite in ("alignment", "chat")
        ]
        pairs = results["refusals"]["non_refusing"].get(trait)
        tail = f"; where neither refuses, mean {points(pairs['difference'])} points" if pairs else ""
        here["refusals"] = ", ".join(rates) + tail
    rows = [(question, text, here.get(question, UNKNOWN)) for question, text in PUBLISHED.items()]
    return Table("As published (reported; no target), and here", ("question", "published", "here"), rows)


def _brief(summary: Mapping[str, Any]) -> str:
    if not summary["compared"]:
        return UNKNOWN
    these = summary["significant"]["these_models"]
    return (
        f"ahead on {summary['ahead']} of {summary['compared']}, mean {points(summary['difference'])} points; "
        f"{these['ahead']} gains and {these['behind']} losses significant (these models)"
    )
