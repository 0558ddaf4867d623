"""Worlds side by side: what stands in the results, and what is said of them."""

import numpy as np
import pytest
from synthetic import EFFECTS, make_cards, make_ledgers, make_scores, make_trajectories

from beneficent.analysis.answer import answer
from beneficent.analysis.settings import AnswerSettings
from beneficent.analysis.worlds import add_worlds, worlds_table

SETTINGS = AnswerSettings(num_resamples=1000)


def study(effect: float):
    cards = make_cards()
    arms = ("baseline", "trait")
    scores = make_scores(cards, arms=arms, effects={**EFFECTS, "trait": effect})
    return answer(scores, cards, make_trajectories(arms), make_ledgers(arms), SETTINGS)


def test_a_world_with_an_effect_is_told_from_one_without():
    real, null = study(0.3), study(0.0)
    add_worlds(real, {"lab:default": real, "lab:null": null})
    first, second = real["worlds"]
    assert first["subsets"]["other formats"]["these_models"]["low"] > 0.1
    low, high = (second["subsets"]["other formats"]["these_models"][side] for side in ("low", "high"))
    assert low < 0.02 < high + 0.04
    said = real["verdicts"][-1]["sentence"]
    assert "lab:default +" in said
    assert said.index("lab:default") < said.index("lab:null")
    table = worlds_table(real)
    names = [
        f"lab:{world}: {formats}" for world in ("default", "null") for formats in ("trained format", "other formats")
    ]
    assert [row[0] for row in table.rows] == names
    assert float(table.rows[1][5]) == pytest.approx(100 * first["subsets"]["other formats"]["difference"], abs=0.06)


def test_one_world_alone_says_nothing():
    real = study(0.3)
    before = len(real["verdicts"])
    add_worlds(real, {"lab:default": real})
    assert real["worlds"] is None
    assert len(real["verdicts"]) == before
    assert worlds_table(real).rows == []
    assert np.isfinite(real["spread"]["trait"]["subsets"]["all"]["difference"])
