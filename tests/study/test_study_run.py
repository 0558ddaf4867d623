"""The whole road in real processes, on the fake source."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from running import answer_of, call, environment, events, kill, start, without_seconds, write_recipe

from beneficent.core.files import read_json, write_json
from beneficent.core.locks import folder_lock
from beneficent.core.store import Parts


def test_a_finished_run_holds_what_the_design_says(finished: Path) -> None:
    names = {path.name for path in finished.iterdir() if not path.name.startswith(".")}
    assert names == {
        "run.json", "recipe.toml", "environment.json", "arms", "scores", "probe", "ledger.json", "results.json",
        "report.html",
    }  # fmt: skip
    arm = finished / "arms/trait-0"
    assert (arm / "policy/model.safetensors").is_file()
    assert not (arm / "checkpoint").exists()
    assert Parts(arm / "steps").read()["step"].to_list() == list(range(6))
    rollouts = Parts(arm / "rollouts").read()
    assert rollouts.height == 6 * 4 * 4
    assert set(rollouts["kind"]) == {"task", "situation"}
    clean = Parts(finished / "scores/trait-0/clean").read()
    assert clean.height == 60
    assert set(clean["arm"]) == {"trait"}
    assert set(Parts(finished / "scores/pre-RL/thought-harmful").read()["seed"]) == {-1}
    assert len(Parts(finished / "scores/pre-RL/clean").notes()) == 3, "24 items a part at most"
    results = read_json(finished / "results.json")
    assert list(results["arms"]) == ["pre-RL", "baseline", "trait"]
    assert results["study"]["preregistered"] is False
    assert results["mediation"] is not None
    assert "Study tiny" in (finished / "report.html").read_text()


def test_what_it_printed(finished: Path) -> None:
    lines = (finished.parent / "stdout.txt").read_text().splitlines()
    assert lines[0].startswith(f"{finished}: 17 steps, ")
    assert sum(line.startswith("done ") for line in lines) == 17
    assert sum(line.startswith("done train trait seed 0 (") for line in lines) == 1
    assert lines[-1] == f"Report: {finished / 'report.html'}"


def test_the_standard_slots_are_the_same_in_both_arms(finished: Path) -> None:
    asked = {}
    for arm in ("baseline", "trait"):
        rows = Parts(finished / f"arms/{arm}-0/rollouts").read()
        asked[arm] = {(row["step"], row["position"]): row["exercise"] for row in rows.iter_rows(named=True)}
    differing = {place for place in asked["trait"] if asked["trait"][place] != asked["baseline"][place]}
    trait_rows = Parts(finished / "arms/trait-0/rollouts").read()
    trait_slots = set(trait_rows.filter(trait_rows["kind"] == "situation").select("step", "position").rows())
    assert len(asked["trait"]) == 24
    assert differing == trait_slots
    assert len(trait_slots) == 6


def test_a_second_call_does_nothing_again(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.is_file() and path.name != ".lock"}
    done = call("study", "run", finished.parent / "tiny.toml", "--out", finished)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"{finished}: 17 steps, 17 of them done, 0 workers"
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_killed_while_training_it_goes_on_and_ends_with_the_same_numbers(finished: Path, tmp_path: Path) -> None:
    run = ("study", "run", finished.parent / "tiny.toml", "--out", tmp_path / "run")
    process = start(*run, "--workers", "1", "--json")
    for event in events(process):
        if event["event"] == "step_progress" and event["done"] == 3:
            break
    kill(process)
    assert (tmp_path / "run/arms/baseline-0/steps").is_dir()
    assert not (tmp_path / "run/arms/baseline-0/done.json").exists()
    done = call(*run)
    assert done.returncode == 0, done.stderr
    assert answer_of(tmp_path / "run") == answer_of(finished)
    assert _rows(tmp_path / "run") == _rows(finished)


@pytest.mark.slow
def test_killed_while_scoring_it_goes_on_and_ends_with_the_same_numbers(finished: Path, tmp_path: Path) -> None:
    run = ("study", "run", finished.parent / "tiny.toml", "--out", tmp_path / "run")
    process = start(*run, "--workers", "1", "--json")
    for event in events(process):
        if event["event"] == "step_progress" and event["step"] == "score trait seed 0 clean":
            break
    kill(process)
    assert event["done"] < event["total"], "some parts are on disk, others are not"
    assert Parts(tmp_path / "run/scores/trait-0/clean").num_rows() >= event["done"]
    assert not (tmp_path / "run/results.json").exists()
    done = call(*run)
    assert done.returncode == 0, done.stderr
    assert answer_of(tmp_path / "run") == answer_of(finished)
    assert _rows(tmp_path / "run") == _rows(finished)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_killed_anywhere_again_and_again_it_ends_with_the_same_numbers(
    finished: Path, tmp_path: Path, seed: int
) -> None:
    random = Random(seed)
    run = ("study", "run", finished.parent / "tiny.toml", "--out", tmp_path / "run")
    for _ in range(5):
        process = start(*run, "--json", "--workers", random.randint(1, 2))
        number = random.randint(1, 25)
        for place, _event in enumerate(events(process)):
            if place == number:
                time.sleep(random.random() / 4)
                break
        kill(process)
    done = call(*run)
    assert done.returncode == 0, done.stderr
    assert answer_of(tmp_path / "run") == answer_of(finished)
    assert _rows(tmp_path / "run") == _rows(finished)


def test_a_second_process_is_told_so_and_leaves(finished: Path) -> None:
    with folder_lock(finished):
        done = call("study", "run", finished.parent / "tiny.toml", "--out", finished)
    assert done.returncode == 2
    assert f"error: {finished} is in use by process" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_changed_recipe_is_refused_with_the_differing_keys(finished: Path, checkpoint: Path, tmp_path: Path) -> None:
    changed = write_recipe(tmp_path, checkpoint, steps=8)
    done = call("study", "run", changed, "--out", finished)
    assert done.returncode == 2
    assert "training.steps: 6 there, 8 now" in done.stderr


def test_steps_and_show_read_a_finished_run(finished: Path) -> None:
    steps = json.loads(call("study", "steps", finished, "--json").stdout)
    assert {step["status"] for step in steps} == {"done"}
    assert len(steps) == 17
    shown = json.loads(call("study", "show", finished, "--json").stdout)
    assert shown["results"] == read_json(finished / "results.json")


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "run")


def test_a_damaged_part_is_named_and_its_step_done_again_after_deleting_it(copy: Path, finished: Path) -> None:
    part = copy / "scores/trait-0/clean/part-000001.parquet"
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    (copy / "results.json").unlink()
    run = ("study", "run", finished.parent / "tiny.toml", "--out", copy)
    done = call(*run)
    assert done.returncode == 2
    assert f"error: {part} is damaged" in done.stderr
    shutil.rmtree(part.parent)
    done = call(*run)
    assert done.returncode == 0, done.stderr
    assert "done score trait seed 0 clean" in done.stdout
    assert answer_of(copy) == answer_of(finished)


@pytest.mark.slow
def test_a_damaged_policy_is_named_before_it_is_scored(copy: Path, finished: Path) -> None:
    weights = copy / "arms/trait-0/policy/model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    shutil.rmtree(copy / "scores/trait-0/clean")
    done = call("study", "run", finished.parent / "tiny.toml", "--out", copy)
    assert done.returncode == 2
    assert f"score trait seed 0 clean: {weights} is missing or damaged" in done.stderr
    assert "1 steps are left; the same command goes on with them" in done.stderr


@pytest.mark.slow
def test_a_preregistered_run_says_so(checkpoint: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, checkpoint, steps=2)
    frozen = call("study", "preregister", recipe, "--out", tmp_path / "run")
    assert frozen.returncode == 0, frozen.stderr
    assert "trait - baseline" in frozen.stdout
    done = call("study", "run", recipe, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    results = without_seconds(read_json(tmp_path / "run/results.json"))
    assert results["study"]["preregistered"] is True
    assert {verdict["label"] for verdict in results["verdicts"]} == {"preregistered"}


def test_a_dry_run_counts_and_writes_nothing(finished: Path, tmp_path: Path) -> None:
    done = call("study", "run", finished.parent / "tiny.toml", "--out", tmp_path / "run", "--dry-run", "--json")
    counts = json.loads(done.stdout)
    assert counts["trainings"] == 2
    assert (counts["slots"], counts["trait_slots"]) == (24, 6)
    assert counts["completions"] == 2 * 24 * 4
    assert counts["items_per_policy"] == {
        "clean": 60, "thought-removed": 12, "thought-beneficial": 12, "thought-harmful": 12,
    }  # fmt: skip
    assert counts["items"] == 3 * 96
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_full_disk_is_an_error_that_names_the_file(finished: Path, tmp_path: Path) -> None:
    """The limit on file size stands for a full disk: writing fails in the same place, with no disk to fill."""
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)); "
        "sys.argv[0] = 'beneficent'; from beneficent.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "study", "run", finished.parent / "tiny.toml", "--out", tmp_path / "run"],
        capture_output=True, text=True, check=False, timeout=300, env=environment(),
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert str(tmp_path / "run") in done.stderr
    assert "cannot be written, File too large" in done.stderr
    assert "Traceback" not in done.stderr
    finished_now = call("study", "run", finished.parent / "tiny.toml", "--out", tmp_path / "run")
    assert finished_now.returncode == 0, finished_now.stderr
    assert answer_of(tmp_path / "run") == answer_of(finished)


@pytest.mark.slow
def test_a_length_limit_that_cuts_the_starting_policy_is_refused_before_training(
    checkpoint: Path, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path, checkpoint, max_new_tokens=3)
    done = call("study", "run", recipe, "--out", tmp_path / "run", "--workers", "1")
    assert done.returncode == 2
    assert "probe lengths: training.max_new_tokens = 3 cuts " in done.stderr
    assert "above policy.most_cut = 0.05" in done.stderr
    assert not (tmp_path / "run/arms").exists()


@pytest.mark.slow
def test_arms_matched_by_operations_end_within_one_percent(checkpoint: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, checkpoint, match="flops", trait_share=0.5, groups_per_step=2, steps=20)
    out = tmp_path / "run"
    process = start("study", "run", recipe, "--out", out, "--json", "--workers", "2")
    for event in events(process):
        if event["event"] == "step_started" and event["step"].startswith("match"):
            break
    kill(process)
    done = call("study", "run", recipe, "--out", out)
    assert done.returncode == 0, done.stderr
    spent = {}
    for arm in ("baseline", "trait"):
        planned, matched = (read_json(out / f"arms/{arm}-0/{name}.json")["ledger"] for name in ("done", "matched"))
        assert planned["flops_training"] <= matched["flops_training"]
        spent[arm] = matched["flops_sampling"] + matched["flops_training"]
        assert (out / f"arms/{arm}-0/policy/model.safetensors").is_file()
        assert not (out / f"arms/{arm}-0/checkpoint").exists()
    assert abs(spent["trait"] / spent["baseline"] - 1) < 0.01


def _rows(folder: Path) -> dict[str, object]:
    """Every row of a run, but for wall-clock seconds."""
    found: dict[str, object] = {}
    for manifest in sorted(folder.rglob("manifest.json")):
        rows = Parts(manifest.parent).read()
        found[str(manifest.parent.relative_to(folder))] = rows.drop("seconds", strict=False).rows()
    assert found
    return found


def test_comparing_rows_would_notice_a_difference(copy: Path, finished: Path) -> None:
    assert _rows(copy) == _rows(finished)
    manifest = copy / "arms/trait-0/steps/manifest.json"
    write_json(manifest, {**read_json(manifest)})
    assert _rows(copy) == _rows(finished)
    Parts(manifest.parent).append([{"step": 99}])
    assert _rows(copy) != _rows(finished)
