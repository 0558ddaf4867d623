"""One thread, so that results repeat; the tiny models of the policy tests serve here too."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "policy"))
torch.set_num_threads(1)
