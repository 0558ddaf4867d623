"""The same study in several worlds, side by side: does the instrument find nothing where there is nothing?"""

from collections.abc import Mapping
from typing import Any

from beneficent.analysis.cells import UNKNOWN, Results, Table, interval, points, score
from beneficent.analysis.wording import chosen_estimate, intervals

QUESTION = "null-worlds"
_SUBSETS = ("trained format", "other formats")


def add_worlds(results: dict[str, Any], by_source: Mapping[str, Mapping[str, Any]]) -> None:
    """Put ``worlds`` into ``results``, and a sentence on them among its verdicts; None and no sentence for one world.

    ``worlds``: [{source, pre_rl, subsets: {trained format|other formats: Summary}, mediation: share or None}], the
    study's own source first. ``by_source`` holds the results of each.
    """
    if len(by_source) < 2:
        results["worlds"] = None
        return
    results["worlds"] = [_world(source, own) for source, own in by_source.items()]
    results["verdicts"].append(
        {
            "id": QUESTION,
            "question": "Does the instrument find nothing where there is nothing?",
            "label": "exploratory",
            "published": None,
            "kind": None,
            "low": None,
            "high": None,
            "seeds": len(results["arms"][results["trait_arm"]]["seeds"]),
            "warning": None,
            "sentence": _sentence(results["worlds"]),
        }
    )


def _world(source: str, results: Mapping[str, Any]) -> dict[str, Any]:
    trait = results["trait_arm"]
    subsets = results["spread"][trait]["subsets"]
    mediation = results["mediation"]
    return {
        "source": source,
        "subsets": {name: subsets[name] for name in _SUBSETS},
        "mediation": mediation["arms"][trait]["all"]["share"] if mediation else None,
    }


def _sentence(worlds: list[dict[str, Any]]) -> str:
    parts = []
    for world in worlds:
        other = world["subsets"]["other formats"]
        parts.append(f"{world['source']} {points(other['difference'])} points ({_shows(other)}; {intervals(other)})")
    return f"Trait against baseline in formats never trained: {'. '.join(parts)}."


def _shows(summary: Mapping[str, Any]) -> str:
    own = chosen_estimate(summary)
    if own["low"] is None:
        return "no interval"
    if own["low"] > 0:
        return "better"
    if own["high"] < 0:
        return "worse"
    return "equivalent to zero" if own["equivalent"] else "not shown to differ"


def worlds_table(results: Results) -> Table:
    """One row a world and subset: levels, difference, both intervals, and the share through the thought."""
    rows = []
    for world in results.get("worlds") or ():
        share = world["mediation"]
        through = UNKNOWN if share is None else share["reason"] or f"{share['value']:.0%}"
        for name, own in world["subsets"].items():
            rows.append(
                (
                    f"{world['source']}: {name}",
                    str(own["compared"]),
                    score(own["pre_rl"]),
                    score(own["reference_level"]),
                    score(own["level"]),
                    points(own["difference"]),
                    interval(own, "these_models"),
                    interval(own, "this_method"),
                    _shows(own),
                    through if name == _SUBSETS[0] else "",
                )
            )
    columns = (
        "world: formats", "benchmarks", "pre-RL", "baseline", "trait", "points", "95% these models", "95% this method",
        "trait is", "share through the thought",
    )  # fmt: skip
    return Table("The same study in worlds with and without a common cause", columns, rows)
