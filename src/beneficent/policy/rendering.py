"""The one function that turns a conversation into tokens, and the one that takes a response apart.

Training, evaluation and attacks all render here, so a score never moves because two places spelled a chat template
differently; ``Renderer.digest`` stands on every row of scores and changes when the rendering does.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from beneficent.core.errors import PolicyError
from beneficent.situations.types import Message

_PROBES: tuple[tuple[Message, ...], ...] = (
    (Message("user", "is the claim proven ?"),),
    (Message("system", "you are careful ."), Message("user", "is the claim proven ?")),
    (Message("user", "is it safe ?"), Message("assistant", "no ."), Message("user", "are you sure ?")),
)


@dataclass(frozen=True, slots=True)
class Thinking:
    """Texts of the marks around a thought, for instance ``Thinking("<think>", "</think>")``.

    ``open`` is put at the end of every prompt, ``close`` is what the policy writes before its answer.
    """

    open: str
    close: str

    def __post_init__(self) -> None:
        if not self.open.strip() or not self.close.strip():
            raise PolicyError(f"thinking marks must not be empty, got open {self.open!r}, close {self.close!r}")


class Renderer:
    """Renders conversations for one tokenizer; ``thinking`` None means the policy answers without a thought."""

    def __init__(self, tokenizer: Any, thinking: Thinking | None = None) -> None:
        """Raises ``PolicyError`` if the tokenizer has no chat template or does not know the thinking marks."""
        self.tokenizer = tokenizer
        self.thinking = thinking
        if not getattr(tokenizer, "chat_template", None):
            raise PolicyError(
                f"the tokenizer {_name(tokenizer)} has no chat template; "
                "set tokenizer.chat_template or add chat_template.jinja to the checkpoint folder"
            )
        self._folds_system = not self._template_shows_system()
        self._open_ids = self._mark_ids("open") if thinking else []
        self._close_ids = self._mark_ids("close") if thinking else []

    def render(self, messages: Sequence[Message], opening: str | None = None, prefill: str = "") -> list[int]:
        """Token ids of the prompt: the conversation, the template's generation prompt, the mark that opens a thought.

        ``opening`` forces a thought: the ids then hold the thought and the mark that closes it, and the policy goes on
        with its answer; ``""`` forces an empty thought. ``prefill`` stands at the very end: the policy goes on from
        there, in its thought or, without thoughts or behind an opening, in its answer. A template that opens the
        thought itself is not given a second mark. A template without a system role gets the system text at the head of
        the first user message.
        Raises ``PolicyError`` for an empty conversation, one that does not end with the user, or an opening without
        ``thinking``.
        """
        if not messages or messages[-1].role != "user":
            roles = [message.role for message in messages]
            raise PolicyError(f"a prompt ends with a user message, got roles {roles}")
        if opening is not None and self.thinking is None:
            raise PolicyError(f"an opening ({opening!r}) needs a renderer with thinking marks")
        text = self._template_text(self._fold(messages) if self._folds_system else messages)
        ids = self.encode(text)
        if self.thinking is not None and not text.rstrip().endswith(self.thinking.open.strip()):
            ids += self._open_ids
        if opening is not None:
            ids += self.encode(opening) + self._close_ids
        return ids + self.encode(prefill) if prefill else ids

    def response(self, thought: str, answer: str) -> list[int]:
        """Token ids of a response that is given, as the policy would write it behind ``render``, its end of turn last.

        Raises ``PolicyError`` for a thought without thinking marks, or a tokenizer without an end of text.
        """
        if thought and self.thinking is None:
            raise PolicyError(f"a thought ({thought!r}) needs a renderer with thinking marks")
        if self.tokenizer.eos_token_id is None:
            raise PolicyError(f"the tokenizer {_name(self.tokenizer)} has no end of text to close a response with")
        ids = self.encode(thought) + self._close_ids if self.thinking else []
        return [*ids, *self.encode(answer), int(self.tokenizer.eos_token_id)]

    def encode(self, text: str) -> list[int]:
        """Token ids of a text by itself, without special tokens around it."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def split(self, token_ids: Sequence[int], forced: bool) -> tuple[str, str, bool]:
        """(thought, answer, closed) of one sampled response, special tokens removed, ends stripped.

        ``token_ids`` end before the end of turn. ``forced`` says that the prompt held the thought already, so all of
        it is answer. ``closed`` is False where a thought was due and never closed; the answer is then empty.
        """
        if self.thinking is None or forced:
            return "", self._decode(token_ids), True
        ids = list(token_ids)
        if len(self._close_ids) == 1:
            if self._close_ids[0] not in ids:
                return self._decode(ids), "", False
            at = ids.index(self._close_ids[0])
            return self._decode(ids[:at]), self._decode(ids[at + 1 :]), True
        thought, mark, answer = self._decode(ids).partition(self.thinking.close.strip())
        return thought.strip(), answer.strip(), bool(mark)

    @cached_property
    def digest(self) -> str:
        """Hash (16 hex digits) of what decides the ids: probe conversations, template, vocabulary, marks."""
        marks = [self.thinking.open, self.thinking.close] if self.thinking else None
        parts = [
            [self.render(probe) for probe in _PROBES],
            str(self.tokenizer.chat_template),
            sorted(self.tokenizer.get_vocab().items()),
            sorted(map(str, self.tokenizer.all_special_tokens)),
            marks,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def _template_text(self, messages: Iterable[Message]) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        try:
            return str(self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))
        except Exception as error:  # jinja errors have no common class that can be named without importing jinja
            roles = [message.role for message in messages]
            raise PolicyError(
                f"the chat template of {_name(self.tokenizer)} refuses a conversation with roles {roles}: {error}"
            ) from error

    def _template_shows_system(self) -> bool:
        try:
            text = self._template_text([Message("system", "zqzq"), Message("user", "hello")])
        except PolicyError:
            return False
        return "zqzq" in text

    @staticmethod
    def _fold(messages: Sequence[Message]) -> list[Message]:
        system = [message.content for message in messages if message.role == "system"]
        turns = [message for message in messages if message.role != "system"]
        if not system:
            return turns
        first = next(index for index, message in enumerate(turns) if message.role == "user")
        turns[first] = Message("user", "\n\n".join([*system, turns[first].content]))
        return turns

    def _mark_ids(self, which: str) -> list[int]:
        mark = getattr(self.thinking, which)
        ids = self.encode(mark)
        if not ids or self.tokenizer.unk_token_id in ids:
            raise PolicyError(
                f"the thinking mark {which} = {mark!r} is not in the vocabulary of {_name(self.tokenizer)}"
            )
        return ids

    def _decode(self, token_ids: Sequence[int]) -> str:
        text = self.tokenizer.decode(list(token_ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text).strip()


def _name(tokenizer: Any) -> str:
    return str(getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__)
