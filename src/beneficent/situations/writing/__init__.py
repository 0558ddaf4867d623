"""Writing further situations with a model: plan, draft, critique, rubric, two answers, audit.

``write(Order("truthfulness", "health", 4, "openai/gpt-4o", Path("more")), ...)`` adds four situations to
``more/health/truthfulness.yaml``, or says why there are fewer. What a model wrote is untrusted: it is read in strict
forms, cleaned, and let in only if the audit passes with it; what is turned away is kept with the reason.
"""

from beneficent.situations.writing.order import Order
from beneficent.situations.writing.run import Account, write

__all__ = ["Account", "Order", "write"]
