"""Calls to models over an API: a request in, a reply or a failure with its reason out, and nothing paid for twice.

``Asker("openai/gpt-4o", Calling(folder=Path("calls"))).ask_all(requests)`` asks through inspect-ai's model interface
(the extra ``api``), some requests at once, and gives the outcomes in the order of the requests. Every answer of the
model is kept in the folder by its content, so that a command that was killed asks only what is missing when it is
started again.

Keys are read from the environment by inspect-ai, under the names its providers use (``OPENAI_API_KEY``; for a model
``openai-api/<server>/<model>``, any server that speaks OpenAI's protocol, ``<SERVER>_API_KEY`` and
``<SERVER>_BASE_URL``). They are in no error, log or kept answer.
"""

from beneficent.core.asking.asker import Asker
from beneficent.core.asking.forms import OffFormError, ask_for_forms, read_form, schema_of
from beneficent.core.asking.prompts import Prompt, disarmed, fence_for
from beneficent.core.asking.types import Calling, Failure, Outcome, Reason, Reply, Request, Settings, Spent, Tally, Turn

__all__ = [
    "Asker",
    "Calling",
    "Failure",
    "OffFormError",
    "Outcome",
    "Prompt",
    "Reason",
    "Reply",
    "Request",
    "Settings",
    "Spent",
    "Tally",
    "Turn",
    "ask_for_forms",
    "disarmed",
    "fence_for",
    "read_form",
    "schema_of",
]
