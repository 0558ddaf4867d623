"""The word-level tokenizer: every word of the grammar, each one token."""

import re
from collections.abc import Iterator
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from beneficent.lab.language.corpus import ASSISTANT, BOS, EOS, PAD, SPECIAL, UNKNOWN
from beneficent.lab.language.grammar import Grammar, grammar

_NUMBERS = 100

CHAT_TEMPLATE = (
    "{{ '<bos>' }}"
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ ' <system> ' + message['content'] }}"
    "{% elif message['role'] == 'user' %}{{ ' <user> ' + message['content'] }}"
    "{% elif '<say>' in message['content'] %}{{ ' <assistant> ' + message['content'] + ' <eos>' }}"
    "{% else %}{{ ' <assistant> <say> ' + message['content'] + ' <eos>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ ' <assistant>' }}{% endif %}"
)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def words(data: Grammar | None = None) -> list[str]:
    """All words the language can say, sorted; special tokens not among them."""
    data = data or grammar()
    found: set[str] = {str(n) for n in range(_NUMBERS)} | set("abc.,:?()/")
    found |= {"code", "list", "sort", "reverse", "double", "count", "sum", "halve", "return", "call"}
    texts = [
        *_texts(data.thoughts), *_texts(data.characters), *_texts(data.frames), *_PROMPT_WORDS,
        *(t for act in data.acts.values() for side in (act.gist, act.paraphrases) for t in _texts(dict(side))),
        *(scene for trait in data.traits.values() for scene in trait.scenes),
        *(t for domain in data.domains.values() for t in (domain.title, *_texts(dict(domain.fillers)))),
    ]  # fmt: skip
    for text in texts:
        found |= set(re.sub(r"\{\w+\}", " ", text).split())
    return sorted(found)


_PROMPT_WORDS = (
    "what is plus minus take from add and say it again repeat the words sort small to big put in order",
    "the table what stands at read number of write words use never with them but not",
)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer with a chat template; words outside the language become ``<unk>``."""
    vocabulary = {word: index for index, word in enumerate((*SPECIAL, *words()))}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        unk_token=UNKNOWN,
        additional_special_tokens=[t for t in SPECIAL if t not in (BOS, EOS, PAD, UNKNOWN)],
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def generation_prompt() -> str:
    """What the chat template ends with when the assistant is to speak."""
    return ASSISTANT
