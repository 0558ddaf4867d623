"""verl: Parquet that RLHFDataset reads, graded by ``beneficent.rewards.compute_score``."""

import json
from collections.abc import Sequence
from typing import Any

from beneficent.situations.export.formats import Files, readme, split_files
from beneficent.situations.export.options import Options
from beneficent.situations.rows import DATA_SOURCE, graded_values
from beneficent.situations.types import WrittenSituation


def export_verl(situations: Sequence[WrittenSituation], options: Options) -> Files:
    """``<split>.parquet`` in verl's columns. The ground truth is the situation as JSON, since a reward function of verl
    is not given the prompt.
    """
    places = {written.id: place for place, written in enumerate(situations)}

    def row(written: WrittenSituation) -> dict[str, Any]:
        values = graded_values(written)
        return {
            "data_source": DATA_SOURCE,
            "prompt": values["messages"],
            "ability": written.situation.trait,
            "reward_model": {"style": "rule", "ground_truth": json.dumps(values, ensure_ascii=False)},
            "extra_info": {"split": written.situation.split, "index": places[written.id], "id": written.id},
        }

    return {**split_files(situations, row, "parquet"), "README.md": readme("verl.md.jinja", situations)}
