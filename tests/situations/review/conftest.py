"""The made-up situation files of ``tests/situations`` serve here too."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
