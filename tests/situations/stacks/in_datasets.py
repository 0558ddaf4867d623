"""Run in an environment with ``datasets``: the folders of the exports as it reads them."""

import json
import sys
from pathlib import Path

from datasets import load_dataset

exports = Path(sys.argv[1])
folder = load_dataset(str(exports / "hf"))
print(
    "FOUND",
    json.dumps(
        {
            "splits": {name: split.num_rows for name, split in folder.items()},
            "rows": {name: split.to_list() for name, split in folder.items()},
            "jsonl": load_dataset(str(exports / "jsonl"), split="test").to_list(),
            "parquet": load_dataset(str(exports / "parquet"), split="test").to_list(),
        }
    ),
)
