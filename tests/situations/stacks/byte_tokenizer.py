"""A tokenizer of bytes with a chat template, built in memory: every text survives it."""

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """262 tokens: the bytes, padding, the end of a turn and the roles."""
    bytes_and_marks = [
        *sorted(pre_tokenizers.ByteLevel.alphabet()),
        "<pad>",
        "<end>",
        "<system>",
        "<user>",
        "<assistant>",
    ]
    backend = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(bytes_and_marks)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        eos_token="<end>",
        additional_special_tokens=["<system>", "<user>", "<assistant>"],
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer
