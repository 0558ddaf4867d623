"""The made-up studies of ``tests/analysis`` serve here too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "analysis"))
