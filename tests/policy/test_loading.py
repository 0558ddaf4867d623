"""A policy is written whole, read as safetensors only, and copied cheaply."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_models import MARKS, llama, policy_of
from transformers import AutoModelForCausalLM, AutoTokenizer

from beneficent.core.errors import BeneficentError, PolicyError
from beneficent.policy import loading
from beneficent.policy.loading import clone_policy, load_policy, parameters_digest, save_policy


@pytest.mark.parametrize("tied", [False, True])
def test_saved_policy_comes_back_bit_for_bit_and_opens_with_transformers(tmp_path, tied):
    policy = policy_of(llama(tie_word_embeddings=tied), MARKS)
    save_policy(policy, tmp_path / "deep" / "policy")
    assert policy.folder == tmp_path / "deep" / "policy"
    loaded = load_policy(tmp_path / "deep" / "policy", MARKS)
    assert parameters_digest(loaded) == parameters_digest(policy)
    assert loaded.renderer.digest == policy.renderer.digest
    assert not loaded.model.training
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["policy"]
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "deep" / "policy")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "deep" / "policy")
    assert type(model).__name__ == "LlamaForCausalLM"
    assert tokenizer.apply_chat_template([{"role": "user", "content": "hello"}], tokenize=False).startswith(
        "<bos> <user>"
    )


def test_bfloat16_halves_the_file_and_leaves_the_policy_in_memory_alone(tmp_path):
    policy = policy_of(llama())
    before = parameters_digest(policy)
    save_policy(policy, tmp_path / "full")
    save_policy(policy, tmp_path / "half", dtype="bfloat16")
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("full", "half")]
    assert 1.7 < sizes[0] / sizes[1] < 2.0
    assert parameters_digest(policy) == before
    loaded = load_policy(tmp_path / "half")
    assert loaded.model.dtype == torch.float32
    weight = policy.model.lm_head.weight
    assert torch.equal(loaded.model.lm_head.weight, weight.bfloat16().float())


def test_a_save_that_fails_leaves_the_old_folder_whole(tmp_path, monkeypatch):
    policy = policy_of(llama())
    save_policy(policy, tmp_path / "policy")
    kept = parameters_digest(policy)
    monkeypatch.setattr(policy.tokenizer, "save_pretrained", lambda folder: (_ for _ in ()).throw(OSError("disk full")))
    with torch.no_grad():
        policy.model.lm_head.weight.add_(1.0)
    with pytest.raises(BeneficentError, match=r"policy: disk full"):
        save_policy(policy, tmp_path / "policy")
    assert parameters_digest(load_policy(tmp_path / "policy")) == kept
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]


@pytest.mark.parametrize("limit", [100, 20_000])
def test_a_full_disk_names_the_folder_whichever_file_it_stops(tmp_path, limit):
    """A limit on file size fails where a full disk would: 100 bytes in config.json, 20,000 in the weights."""
    script = f"""
import resource, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from tiny_models import llama, policy_of
from beneficent.core.errors import BeneficentError
from beneficent.policy.loading import save_policy
policy, folder = policy_of(llama()), Path({str(tmp_path)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    save_policy(policy, folder / "policy")
except BeneficentError as error:
    print(error, list(folder.iterdir()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{tmp_path / 'policy'}: cannot be written, ")
    assert "File too large" in done.stdout
    assert done.stdout.endswith(" []\n"), "nothing half-written stays"


def test_saving_replaces_everything_in_the_old_folder(tmp_path):
    policy = policy_of(llama())
    save_policy(policy, tmp_path / "policy")
    (tmp_path / "policy" / "stale.txt").write_text("old")
    with torch.no_grad():
        policy.model.lm_head.weight.add_(1.0)
    save_policy(policy, tmp_path / "policy")
    assert not (tmp_path / "policy" / "stale.txt").exists()
    assert parameters_digest(load_policy(tmp_path / "policy")) == parameters_digest(policy)
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]


def test_a_clone_has_weights_of_its_own():
    policy = policy_of(llama(tie_word_embeddings=True))
    route = policy.route
    clone = clone_policy(policy)
    before = parameters_digest(policy)
    assert parameters_digest(clone) == before
    assert clone.route is route
    with torch.no_grad():
        clone.model.lm_head.weight.add_(1.0)
    assert parameters_digest(policy) == before
    assert parameters_digest(clone) != before
    assert clone.tokenizer is policy.tokenizer
    assert clone.model.lm_head.weight is clone.model.model.embed_tokens.weight


def test_ends_of_turn_are_those_of_tokenizer_and_generation_config():
    policy = policy_of(llama())
    policy.model.generation_config.eos_token_id = [7, 3]
    assert policy.end_ids == {3, 7}
    other = policy_of(llama())
    other.model.generation_config.eos_token_id = None
    assert other.end_ids == {3}
    nowhere = policy_of(llama())
    nowhere.model.generation_config.eos_token_id = None
    nowhere.tokenizer.eos_token = None
    with pytest.raises(PolicyError, match="ends a turn"):
        _ = nowhere.end_ids


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(PolicyError, match=r"no checkpoint folder at .*nowhere"):
        load_policy(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PolicyError, match=r"config\.json is missing"):
        load_policy(tmp_path / "empty")
    save_policy(policy_of(llama()), tmp_path / "policy")
    with pytest.raises(PolicyError, match=r"float8.*allowed: float32, bfloat16, float16"):
        load_policy(tmp_path / "policy", dtype="float8")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "policy" / name).unlink()
    with pytest.raises(PolicyError, match="no tokenizer"):
        load_policy(tmp_path / "policy")
    (tmp_path / "policy" / "model.safetensors").rename(tmp_path / "policy" / "pytorch_model.bin")
    with pytest.raises(PolicyError, match="safetensors"):
        load_policy(tmp_path / "policy")


@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_a_device_that_is_not_there_is_named(tmp_path, device):
    save_policy(policy_of(llama()), tmp_path / "policy")
    with pytest.raises(PolicyError, match=f"device = '{device}'"):
        load_policy(tmp_path / "policy", device=device)


def test_damaged_weights_and_code_in_the_folder_are_refused(tmp_path):
    save_policy(policy_of(llama()), tmp_path / "policy")
    weights = tmp_path / "policy" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(PolicyError, match=r"cannot load the checkpoint in .*policy"):
        load_policy(tmp_path / "policy")
    save_policy(policy_of(llama()), tmp_path / "coded")
    config = tmp_path / "coded" / "config.json"
    marker = tmp_path / "ran"
    (tmp_path / "coded" / "evil.py").write_text(f"open({str(marker)!r}, 'w')\n")
    fields = json.loads(config.read_text()) | {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config"}}
    config.write_text(json.dumps(fields))
    with pytest.raises(PolicyError):
        load_policy(tmp_path / "coded")
    assert not marker.exists()


def test_a_rename_that_fails_puts_the_old_folder_back(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "file").write_text("kept")
    with pytest.raises(OSError, match="missing"):
        loading._swap_in(tmp_path / "missing", tmp_path / "old")
    assert (tmp_path / "old" / "file").read_text() == "kept"


def test_types_and_rendering_import_no_torch():
    code = "import sys, beneficent.policy.types, beneficent.policy.rendering; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
