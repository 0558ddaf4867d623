"""Settings of the RL loop, each with its meaning under it; docs/paper-index.md says where every default comes from."""

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from beneficent.core.errors import RecipeError


@dataclass(frozen=True)
class TrainingSettings:
    """How an arm is trained; the same for all arms of a study. Raises ``RecipeError`` for an impossible value."""

    steps: int = 200
    """Batches sampled and trained on."""
    groups_per_step: int = 8
    """Prompts in a batch; each makes one group."""
    samples_per_group: int = 8
    """Completions sampled from each prompt, at temperature 1."""
    max_new_tokens: int = 96
    """Longest completion in tokens; one that is cut here leaves the loss."""
    trait_share: float = 0.05
    """Share of all slots that the arm fills; the rest is the same in every arm."""
    learning_rate: float = 2e-4
    """AdamW's learning rate after the warm-up, constant from there."""
    warmup_steps: int = 5
    """Updates over which the learning rate rises linearly from zero."""
    beta_1: float = 0.9
    """AdamW's decay of the mean gradient."""
    beta_2: float = 0.999
    """AdamW's decay of the mean squared gradient."""
    eps: float = 1e-5
    """AdamW's denominator floor: gradients much smaller than this move a weight by less than the learning rate."""
    weight_decay: float = 0.0
    """AdamW's decoupled weight decay."""
    grad_clip: float = 1.0
    """Gradients are scaled down to this norm (L2, all parameters) if they are longer."""
    loss_tokens: int = 32
    """The token losses of a batch are summed and divided by groups_per_step x samples_per_group x this: a constant, so
    that a token weighs the same in short and in long completions, and in full and in partly excluded batches."""
    standardise: bool = False
    """Whether advantages are divided by the standard deviation of their group."""
    equal_within: float = 1e-6
    """A group whose scores lie this close together is all-equal: it has nothing to teach and is dead."""
    inner_epochs: int = 1
    """Updates made on each batch; above 1 the ratio to the sampling policy enters the loss."""
    clip: float | None = None
    """The ratio is clipped to 1 plus or minus this; needs inner_epochs above 1, where the ratio is not always 1."""
    kl: float = 0.0
    """Weight of the divergence from the starting policy in the loss; above 0 it costs one more forward pass a step."""
    measure_every: int = 10
    """Divergence from the start and length of the update are measured every so many steps, and in the last one."""
    checkpoint_every: int = 25
    """Steps between checkpoints: what a killed run does again at most."""
    tokens_per_pass: int = 8192
    """Tokens (prompts and completions) in one forward and backward pass; bounds memory, changes no result."""
    grad_limit: float = 100.0
    """A gradient norm above this, before clipping, stops the arm: it diverges."""
    dead_limit: float = 0.95
    """A share of dead groups above this, over the last dead_window steps, stops the arm: it learns nothing."""
    dead_window: int = 50
    """Steps over which the share of dead groups is taken."""
    unmoved_after: int = 50
    """After so many steps the weights must have moved, or the arm is stopped."""
    unmoved_below: float = 1e-7
    """Weights whose relative change (L2) is below this have not moved."""
    match: Literal["steps", "flops"] = "steps"
    """What arms are matched by: the same steps, or, after these, further standard slots up to equal operations."""

    def __post_init__(self) -> None:
        for name in ("steps", "groups_per_step", "max_new_tokens", "loss_tokens", "inner_epochs", "measure_every"):
            self._at_least(name, 1)
        for name in ("checkpoint_every", "tokens_per_pass", "dead_window", "unmoved_after"):
            self._at_least(name, 1)
        self._at_least("samples_per_group", 2, " (a group of one has no mean to differ from)")
        self._at_least("warmup_steps", 0)
        for name in ("learning_rate", "eps", "grad_clip", "grad_limit"):
            self._check(name, 0 < getattr(self, name) < float("inf"), "a number above 0")
        for name in ("weight_decay", "equal_within", "kl", "unmoved_below"):
            self._check(name, 0 <= getattr(self, name) < float("inf"), "0 or a number above it")
        for name in ("trait_share", "dead_limit"):
            self._check(name, 0 <= getattr(self, name) <= 1, "a share between 0 and 1")
        for name in ("beta_1", "beta_2"):
            self._check(name, 0 <= getattr(self, name) < 1, "0 to below 1")
        self._check("match", self.match in ("steps", "flops"), "'steps' or 'flops'")
        if self.clip is not None:
            self._check("clip", 0 < self.clip < 1 and isfinite(self.clip), "a number between 0 and 1, or left out")
            if self.inner_epochs == 1:
                raise RecipeError(
                    f"clip is {self.clip} with inner_epochs = 1: on fresh samples the ratio is 1 and clipping does "
                    "nothing; leave clip out or set inner_epochs above 1"
                )

    @property
    def loss_constant(self) -> float:
        """What the summed token losses of a batch are divided by."""
        return float(self.groups_per_step * self.samples_per_group * self.loss_tokens)

    def _at_least(self, name: str, least: int, why: str = "") -> None:
        self._check(name, getattr(self, name) >= least, f"a whole number from {least}{why}")

    def _check(self, name: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise RecipeError(f"{name} is {getattr(self, name)!r}; allowed is {allowed}")
