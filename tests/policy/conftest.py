"""One thread: on models this small a second one only waits, and results repeat on any machine."""

import torch

torch.set_num_threads(1)
