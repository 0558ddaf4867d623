"""One rendering for everything: the ids of prompts, forced thoughts, and taking a response apart."""

import pytest
from tiny_models import MARKS, TEMPLATE, word_tokenizer
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from beneficent.core.errors import PolicyError
from beneficent.policy.rendering import Renderer, Thinking
from beneficent.situations.types import Message

USER = Message("user", "is the claim proven ?")
SYSTEM = Message("system", "you are careful .")


def cut(text):
    return text.split()


def words(renderer, ids):
    return renderer.tokenizer.convert_ids_to_tokens(ids)


def test_prompt_is_template_then_generation_prompt_then_open_mark():
    renderer = Renderer(word_tokenizer(), MARKS)
    expected = cut("<bos> <user> is the claim proven ? <end> <assistant> <think>")
    assert words(renderer, renderer.render([USER])) == expected
    plain = Renderer(word_tokenizer(), None)
    assert words(plain, plain.render([USER])) == expected[:-1]


def test_opening_forces_a_thought():
    renderer = Renderer(word_tokenizer(), MARKS)
    assert words(renderer, renderer.render([USER], "it is safe"))[-6:] == cut("<assistant> <think> it is safe <say>")
    assert words(renderer, renderer.render([USER], ""))[-3:] == cut("<assistant> <think> <say>")
    with pytest.raises(PolicyError, match="thinking marks"):
        Renderer(word_tokenizer(), None).render([USER], "it is safe")


def test_turns_and_system_message_are_kept():
    renderer = Renderer(word_tokenizer(), None)
    ids = renderer.render([SYSTEM, USER, Message("assistant", "no ."), Message("user", "are you sure ?")])
    assert words(renderer, ids) == cut(
        "<bos> <system> you are careful . <end> <user> is the claim proven ? <end>"
    ) + cut("<assistant> no . <end> <user> are you sure ? <end> <assistant>")


REFUSES_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TEMPLATE
IGNORES_SYSTEM = TEMPLATE.replace("{% for m in messages %}", "{% for m in messages if m['role'] != 'system' %}")


@pytest.mark.parametrize("template", [REFUSES_SYSTEM, IGNORES_SYSTEM])
def test_a_template_without_a_system_role_gets_it_in_the_first_user_message(template):
    renderer = Renderer(word_tokenizer(template), None)
    ids = renderer.render([SYSTEM, USER, Message("assistant", "no ."), USER])
    assert words(renderer, ids)[:10] == cut("<bos> <user> you are careful . is the claim proven")
    assert words(renderer, renderer.render([USER]))[:3] == ["<bos>", "<user>", "is"]


def test_a_template_that_opens_the_thought_is_not_given_a_second_mark():
    opens = TEMPLATE.replace("' <assistant>'", "' <assistant> <think>\n'")
    renderer = Renderer(word_tokenizer(opens), MARKS)
    assert words(renderer, renderer.render([USER]))[-2:] == ["<assistant>", "<think>"]
    assert words(renderer, renderer.render([USER], "it"))[-4:] == ["<assistant>", "<think>", "it", "<say>"]


def test_split_takes_the_thought_off_once():
    renderer = Renderer(word_tokenizer(), MARKS)
    ids = renderer.tokenizer.convert_tokens_to_ids
    assert renderer.split(ids(cut("it is safe <say> yes . <say> no")), False) == ("it is safe", "yes . no", True)
    assert renderer.split(ids(cut("<say> yes")), False) == ("", "yes", True)
    assert renderer.split(ids(cut("it is safe")), False) == ("it is safe", "", False)
    assert renderer.split(ids(cut("yes .")), True) == ("", "yes .", True)
    assert renderer.split([], True) == ("", "", True)
    assert Renderer(word_tokenizer(), None).split(ids(cut("yes .")), False) == ("", "yes .", True)


def byte_level_tokenizer():
    """Sub-word tokens, with marks that are several tokens long."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, special_tokens=["<end>"])
    backend.train_from_iterator(["is the claim proven? it is safe."], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>")
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}assistant: "
    )
    return tokenizer


def test_marks_of_several_tokens_are_found_in_the_text():
    renderer = Renderer(byte_level_tokenizer(), Thinking("<thought>\n", "\n</thought>\n\n"))
    ids = renderer.render([USER], "it is safe.")
    assert renderer.tokenizer.decode(ids).endswith("assistant: <thought>\nit is safe.\n</thought>\n\n")
    sampled = renderer.tokenizer.encode("is it?\n</thought>\n\nno.", add_special_tokens=False)
    assert renderer.split(sampled, False) == ("is it?", "no.", True)
    assert renderer.split(sampled[:4], False)[1:] == ("", False)


def test_digest_changes_with_what_decides_the_ids():
    base = Renderer(word_tokenizer(), MARKS).digest
    assert Renderer(word_tokenizer(), MARKS).digest == base
    others = [
        Renderer(word_tokenizer(), None),
        Renderer(word_tokenizer(), Thinking("<think>", "it")),
        Renderer(word_tokenizer(extra=1), MARKS),
        Renderer(word_tokenizer(TEMPLATE + " "), MARKS),
    ]
    digests = {base, *(renderer.digest for renderer in others)}
    assert len(digests) == 5


def test_bad_input_is_named():
    with pytest.raises(PolicyError, match="no chat template"):
        Renderer(word_tokenizer(template=None), None)
    with pytest.raises(PolicyError, match=r"close = '</say>' is not in the vocabulary"):
        Renderer(word_tokenizer(), Thinking("<think>", "</say>"))
    with pytest.raises(PolicyError, match="must not be empty"):
        Thinking("<think>", " ")
    renderer = Renderer(word_tokenizer(), None)
    with pytest.raises(PolicyError, match="ends with a user message"):
        renderer.render([])
    with pytest.raises(PolicyError, match="assistant"):
        renderer.render([USER, Message("assistant", "no .")])
    strict = Renderer(
        word_tokenizer("{% if messages[-1]['content'] == 'no' %}{{ raise_exception('never') }}{% endif %}x")
    )
    with pytest.raises(PolicyError, match="never"):
        strict.render([Message("user", "no")])


def test_a_prefill_stands_at_the_very_end():
    renderer = Renderer(word_tokenizer(), MARKS)
    assert words(renderer, renderer.render([USER], prefill="it is"))[-4:] == cut("<assistant> <think> it is")
    assert words(renderer, renderer.render([USER], "", "no"))[-3:] == cut("<think> <say> no")
    plain = Renderer(word_tokenizer(), None)
    assert words(plain, plain.render([USER], prefill="yes"))[-2:] == cut("<assistant> yes")


def test_a_given_response_is_what_the_policy_would_write_behind_the_prompt():
    renderer = Renderer(word_tokenizer(), MARKS)
    ids = renderer.response("it is safe", "yes .")
    assert words(renderer, ids) == cut("it is safe <say> yes . <end>")
    assert renderer.split(ids[:-1], forced=False) == ("it is safe", "yes .", True)
    assert words(renderer, renderer.response("", "yes .")) == cut("<say> yes . <end>")
    plain = Renderer(word_tokenizer(), None)
    assert words(plain, plain.response("", "yes .")) == cut("yes . <end>")
    with pytest.raises(PolicyError, match="thinking marks"):
        plain.response("it is safe", "yes .")
