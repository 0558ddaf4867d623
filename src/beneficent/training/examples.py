"""What supervised fine-tuning learns from, and how: without torch, so that a plan can be made anywhere."""

from dataclasses import dataclass

from beneficent.core.errors import RecipeError
from beneficent.situations.types import Message


@dataclass(frozen=True, slots=True)
class Example:
    """A conversation that ends with the user, and the response to learn; ``thought`` is empty for none."""

    id: str
    messages: tuple[Message, ...]
    answer: str
    thought: str = ""


@dataclass(frozen=True, slots=True)
class SupervisedSettings:
    """How a policy is fine-tuned; the same for every policy that is compared."""

    learning_rate: float = 2e-4
    """AdamW's learning rate, constant."""
    batch_size: int = 16
    """Examples a step."""
    grad_clip: float = 1.0
    """Gradients are scaled down to this norm (L2, all parameters) if they are longer."""
    tokens_per_pass: int = 8192
    """Tokens in one forward and backward pass; bounds memory, changes no result."""

    def __post_init__(self) -> None:
        for name in ("learning_rate", "grad_clip"):
            if not 0 < getattr(self, name) < float("inf"):
                raise RecipeError(f"{name} is {getattr(self, name)!r}; allowed is a number above 0")
        for name in ("batch_size", "tokens_per_pass"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} is {getattr(self, name)!r}; allowed is a whole number from 1")
