"""Weighted sums of cells (condition, arm) on a panel of benchmarks, paired by item, with both intervals.

A loss is clean minus attacked; a difference in loss has four cells. An item counts where every cell of the sum is
graded; within one benchmark and seed the value is the mean over items, and benchmarks weigh the same. One draw of a
benchmark's clusters serves all sums and seeds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beneficent.analysis import statistics
from beneficent.analysis.comparison import benchmark_rng, cluster_sums
from beneficent.analysis.settings import AnswerSettings
from beneficent.analysis.sheets import NO_SEED, Sheet
from beneficent.analysis.statistics import Estimate, Floats
from beneficent.benchmarks.types import Card

Terms = Sequence[tuple[float, str, str]]
"""(weight, condition, arm) of each cell in a sum."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One benchmark under every condition, on the items asked in all of them."""

    card: Card
    sheets: Mapping[str, Sheet]
    places: Mapping[str, NDArray[np.int64]]
    """Condition -> index of the panel's items in that sheet."""

    def scores(self, condition: str, arm: str, seed: int) -> Floats:
        """Scores of the panel's items; an arm without seeds (a policy that was not trained) has one run for all."""
        own = self.sheets[condition].scores
        run = (arm, seed) if (arm, seed) in own else (arm, NO_SEED)
        return own[run][self.places[condition]]

    @property
    def num_clusters(self) -> int:
        first = next(iter(self.sheets))
        return len(np.unique(self.sheets[first].clusters[self.places[first]]))

    @property
    def num_items(self) -> int:
        return len(next(iter(self.places.values())))


def build_panels(sheets: Iterable[Sheet], conditions: Sequence[str]) -> list[Panel]:
    """The benchmarks scored under all of these conditions, with the items that all of them share."""
    by_name: dict[str, dict[str, Sheet]] = {}
    for sheet in sheets:
        if sheet.condition in conditions:
            by_name.setdefault(sheet.card.name, {})[sheet.condition] = sheet
    panels = []
    for own in by_name.values():
        if set(own) != set(conditions):
            continue
        shared = sorted(set.intersection(*(set(sheet.items) for sheet in own.values())))
        index = {name: {item: i for i, item in enumerate(sheet.items)} for name, sheet in own.items()}
        places = {name: np.array([index[name][item] for item in shared], dtype=np.int64) for name in own}
        panels.append(Panel(own[conditions[0]].card, own, places))
    return [panel for panel in panels if panel.num_items]


def seeds_of(panels: Sequence[Panel], terms: Terms) -> list[int]:
    """The seeds that all arms of a sum have on all benchmarks; ``NO_SEED`` alone where none of them was trained."""
    found: set[int] | None = None
    for panel in panels:
        for _, condition, arm in terms:
            own = set(panel.sheets[condition].seeds(arm))
            if own != {NO_SEED}:
                found = own if found is None else found & own
    return [NO_SEED] if found is None else sorted(found)


def estimate_sums(
    panels: Sequence[Panel], sums: Mapping[Any, Terms], settings: AnswerSettings, salt: str
) -> dict[Any, dict[str, Any]]:
    """For each sum: ``value``, ``benchmarks`` and ``seeds`` it is over, ``pairs`` of ``pairs_asked``, both estimates.

    A benchmark with fewer than five clusters graded in all cells, for some seed, is left out of that sum. ``salt`` sets
    the resampling apart from that of other tables.
    """
    seeds = {key: seeds_of(panels, terms) for key, terms in sums.items()}
    parts: dict[Any, list[_Part]] = {key: [] for key in sums}
    for panel in panels:
        for key, part in _parts_of(panel, sums, seeds, settings, salt).items():
            parts[key].append(part)
    asked = sum(panel.num_items for panel in panels)
    return {key: _summary(own, seeds[key], asked * len(seeds[key]), settings) for key, own in parts.items()}


@dataclass(frozen=True, slots=True)
class _Part:
    """One sum on one benchmark."""

    per_seed: Floats
    draws: Floats
    num_clusters: int
    num_pairs: int


def _parts_of(
    panel: Panel, sums: Mapping[Any, Terms], seeds: Mapping[Any, Sequence[int]], settings: AnswerSettings, salt: str
) -> dict[Any, _Part]:
    stacked = {
        key: np.stack(
            [sum((w * panel.scores(c, arm, s) for w, c, arm in terms), np.zeros(panel.num_items)) for s in own]
        )
        for key, terms in sums.items()
        if (own := seeds[key])
    }
    stacked = {key: own for key, own in stacked.items() if np.isfinite(own).any(axis=1).all()}
    if not stacked:
        return {}
    first = next(iter(panel.sheets))
    clusters = panel.sheets[first].clusters[panel.places[first]]
    sums_CK, counts_CK = cluster_sums(np.concatenate(list(stacked.values())), clusters)
    rng = benchmark_rng(settings, panel.card.name, salt)
    draws_RK = statistics.bootstrap_means(sums_CK, counts_CK, settings.num_resamples, rng)
    found, at = {}, 0
    for key, values_SI in stacked.items():
        columns = slice(at, at + len(values_SI))
        at = columns.stop
        # Few graded clusters say little of a benchmark and nothing of its error; it would weigh as much as any other.
        if (counts_CK[:, columns] > 0).sum(axis=0).min() < statistics.MIN_CLUSTERS:
            continue
        found[key] = _Part(
            np.nanmean(values_SI, axis=1),
            statistics.fill_undefined(draws_RK[:, columns].mean(axis=1)),
            int(counts_CK[:, columns].any(axis=1).sum()),
            int(np.isfinite(values_SI).sum()),
        )
    return found


def _summary(parts: Sequence[_Part], seeds: Sequence[int], asked: int, settings: AnswerSettings) -> dict[str, Any]:
    counts = {
        "benchmarks": len(parts),
        "seeds": list(seeds),
        "pairs": sum(p.num_pairs for p in parts),
        "pairs_asked": asked,
    }
    if not parts:
        empty = {
            kind: Estimate(kind, None, 0, reason="no benchmark with enough items graded in all cells").as_dict()
            for kind in ("these_models", "this_method")
        }
        return {"value": None, **counts, **empty}
    per_seed = np.mean([part.per_seed for part in parts], axis=0)
    draws_R = np.mean([part.draws for part in parts], axis=0)
    variances = np.array([part.draws.var() for part in parts])
    df = statistics.mean_degrees(variances, np.array([part.num_clusters - 1.0 for part in parts]))
    units = sum(part.num_clusters for part in parts)
    value = float(per_seed.mean())
    return {
        "value": value,
        **counts,
        "these_models": statistics.these_models(value, draws_R, df, units, settings.margin).as_dict(),
        "this_method": statistics.this_method(per_seed, settings.margin).as_dict(),
    }


def level(panels: Sequence[Panel], condition: str, arm: str) -> dict[str, Any]:
    """Mean over benchmarks and seeds of the graded scores, ``None`` unless every benchmark has some; with counts."""
    means: list[float] = []
    asked = graded = 0
    for panel in panels:
        own = [panel.scores(condition, arm, seed) for seed in panel.sheets[condition].seeds(arm)]
        asked += sum(len(scores) for scores in own)
        graded += sum(int(np.isfinite(scores).sum()) for scores in own)
        if own and all(np.isfinite(scores).any() for scores in own):
            means.append(float(np.mean([np.nanmean(scores) for scores in own])))
    whole = float(np.mean(means)) if means and len(means) == len(panels) else None
    return {"level": whole, "benchmarks": len(means), "asked": asked, "graded": graded}
