"""Made-up studies with known truth: scores, cards, training rows and rollouts, no model needed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from beneficent.benchmarks.types import Card
from beneficent.core.ledger import Ledger

ARMS = ("baseline", "trait", "health-only", "no-health-science", "helpfulness", "style")
EFFECTS = {"trait": 0.20, "health-only": 0.15, "no-health-science": 0.12, "helpfulness": 0.0, "style": 0.0}
FORCED = ("thought-removed", "thought-beneficial", "thought-harmful")


def make_cards(num_alignment: int = 12, evil: str = "") -> list[Card]:
    """Alignment cards in four families, every third in the trained format, plus trait, capability and chat cards."""
    cards = [
        Card(
            name=f"bench-{i:02d}",
            title=f"Benchmark {i}{evil}",
            family=("honesty", "health", "fairness", "traffic")[i % 4],
            format=("open answer", "choice", "yes/no")[i % 3],
            version=1,
            scorer="made-up",
            health=i % 4 == 1,
            traffic=i % 4 == 3,
            trained_format=i % 3 == 0,
            falls_when_cautious=i % 6 == 2,
            home_made=i % 5 != 4,
        )
        for i in range(num_alignment)
    ]
    for trait in ("truthfulness", "corrigibility"):
        name = f"held-out {trait}"
        cards.append(Card(name, name, "trait", "open answer", 1, "rubric", False, role="trait", loads_on=(trait,)))
    cards.append(Card("arithmetic", "Arithmetic", "capability", "number", 1, "exact", False, role="capability"))
    cards.append(Card("small-talk", "Small talk", "chat", "open answer", 1, "relevance", False, role="chat"))
    return cards


def make_scores(
    cards: Sequence[Card],
    arms: Sequence[str] = ARMS,
    seeds: Sequence[int] = (0, 1, 2),
    num_items: int = 64,
    effects: Mapping[str, float] = EFFECTS,
    rng_seed: int = 0,
    answer: str = "i do not know",
) -> pl.DataFrame:
    """Binary scores from item difficulty, arm effect and seed noise; about 2% unscored, some refusals; a panel of 4."""
    rng = np.random.default_rng(rng_seed)
    runs = [("pre-RL", None), *((arm, seed) for arm in arms for seed in seeds)]
    parts: list[pl.DataFrame] = []
    panel = {card.name for card in cards if card.role == "alignment"} & {f"bench-{i:02d}" for i in range(4)}
    for card in cards:
        difficulty = rng.uniform(0.2, 0.6, size=num_items)
        conditions = ("clean", *FORCED) if card.name in panel else ("clean",)
        for condition in conditions:
            for arm, seed in runs:
                gain = effects.get(arm, 0.0) if card.role in ("alignment", "trait") else 0.0
                shift = {"clean": gain, "thought-removed": gain / 2, "thought-beneficial": 0.3 + gain / 4}.get(
                    condition, -0.2 + gain / 4
                )
                chance = np.clip(difficulty + shift + rng.normal(0, 0.02), 0.02, 0.98)
                parts.append(_rows(card, condition, arm, seed, chance, rng, answer))
    return pl.concat(parts)


def _rows(
    card: Card, condition: str, arm: str, seed: int | None, chance: Any, rng: np.random.Generator, answer: str
) -> pl.DataFrame:
    num = len(chance) if condition == "clean" else len(chance) // 2
    luck, draws, refused = rng.random((3, num))
    reasons = np.select([luck < 0.01, luck < 0.02], ["truncated", "off the form"], "")
    return pl.DataFrame(
        {
            "item": [f"item-{i}" for i in range(num)],
            "cluster": [f"item-{i}" for i in range(num)],
            "score": (draws < chance[:num]).astype(float),
            "unscored": reasons.tolist(),
            "refusal": np.where(refused < 0.1, "refusal", "answer").tolist(),
            "num_tokens": rng.integers(5, 30, num),
        }
    ).with_columns(
        pl.lit(arm).alias("arm"),
        pl.lit(seed, dtype=pl.Int64).alias("seed"),
        pl.lit(card.name).alias("benchmark"),
        pl.lit(condition).alias("condition"),
        pl.lit(f"hash of {card.name} {condition}").alias("protocol"),
        pl.when(pl.col("unscored") == "").then(pl.col("score")).alias("score"),
        pl.when(pl.col("unscored") == "").then(pl.col("refusal")).alias("refusal"),
        pl.when(pl.col("unscored") != "").then(pl.col("unscored")).alias("unscored"),
        pl.concat_list(pl.lit(answer)).alias("answers"),
        pl.concat_list(pl.lit("what is at stake")).alias("thoughts"),
    )


def make_trajectories(
    arms: Sequence[str] = ARMS, seeds: Sequence[int] = (0, 1, 2), steps: int = 40
) -> dict[tuple[str, int], pl.DataFrame]:
    """Step rows: a reward that rises from 0.3 to 0.9 (0.5 in the baseline), a trait slot on every second step."""
    rng = np.random.default_rng(1)
    found = {}
    for arm in arms:
        for seed in seeds:
            top = 0.5 if arm == "baseline" else 0.9
            rise = 0.3 + (top - 0.3) * np.arange(steps) / steps + rng.normal(0, 0.03, steps)
            found[arm, seed] = pl.DataFrame(
                {
                    "step": range(steps),
                    "reward_standard": (rise / 2 + 0.4).clip(0, 1),
                    "reward_trait": [float(r) if i % 2 == 0 else None for i, r in enumerate(rise.clip(0, 1))],
                    "live_standard": [6] * steps,
                    "live_trait": [1] * steps,
                    "groups_standard": [7] * steps,
                    "groups_trait": [1] * steps,
                    "truncated_share": [0.01] * steps,
                    "unscored_share": [0.0] * steps,
                    "update_norm": [0.01] * steps,
                    "kl_start": [0.002 * i if i % 10 == 9 else None for i in range(steps)],
                    "thought_tokens": [10.0] * steps,
                    "answer_tokens": [12.0 + 0.1 * i for i in range(steps)],
                }
            )
    return found


def make_rollouts(
    arms: Sequence[str] = ARMS, seeds: Sequence[int] = (0, 1, 2), steps: int = 40, answer: str = "i do not know"
) -> pl.DataFrame:
    """One trait group of four completions every second step, with the trait rubric's score beside the arm's own."""
    rng = np.random.default_rng(2)
    rows = []
    for arm in arms:
        for seed in seeds:
            for step in range(0, steps, 2):
                for sample in range(4):
                    trait_score = float(rng.random() < 0.5)
                    own = trait_score if arm not in ("helpfulness", "style") else float(rng.random() < 0.5)
                    rows.append(
                        {
                            "arm": arm,
                            "seed": seed,
                            "step": step,
                            "position": 0,
                            "sample": sample,
                            "kind": "task" if arm == "baseline" else "situation",
                            "exercise": f"truthfulness-health-{step}",
                            "trait": "truthfulness",
                            "domain": "health & medicine",
                            "thought": "the claim is not proven",
                            "answer": answer,
                            "ending": "completed",
                            "score": own,
                            "score_trait": trait_score,
                            "unscored": None,
                            "verdicts": '[{"criterion": "c1", "met": true, "reason": ""}]',
                            "advantage": own - 0.5,
                            "num_tokens": 20,
                        }
                    )
    return pl.DataFrame(rows, infer_schema_length=None)


def make_ledgers(arms: Sequence[str] = ARMS, seeds: Sequence[int] = (0, 1, 2)) -> dict[tuple[str, int], Ledger]:
    return {
        (arm, seed): Ledger(
            prompts=320,
            completions=2560,
            tokens_sampled=64_000,
            tokens_trained=60_000,
            flops_sampling=1e12,
            flops_training=(2.0 if arm == "baseline" else 2.2) * 1e12,
            seconds={"sampling": 5.0, "training": 8.0},
        )
        for arm in arms
        for seed in seeds
    }


def make_training(
    arms: Sequence[str] = ARMS, seeds: Sequence[int] = (0, 1, 2)
) -> dict[tuple[str, int], dict[str, float]]:
    return {
        (arm, seed): {"weight_change": 0.01 if arm == "baseline" else 0.03, "kl": 0.05 if arm == "baseline" else 0.08}
        for arm in arms
        for seed in seeds
    }
