from pathlib import Path

from beneficent.study.plan import CLEAN, PROBE, Step, last_training, make_plan, ready, statuses
from beneficent.study.recipe import parse_recipe

TEXT = """
name = "a"
source = "lab:default"
arms = ["baseline", "trait"]
seeds = [3, 4]
[policy]
thinking_open = "<think>"
thinking_close = "<say>"
"""
PLAN = make_plan(parse_recipe(TEXT + "[mediation]", "a.toml"))


def test_every_arm_seed_and_condition_has_its_step() -> None:
    kinds = [step.kind for step in PLAN]
    assert kinds.count("train") == 4
    assert kinds.count("score") == (1 + 4) * 4
    assert kinds[-2:] == ["analyse", "report"]
    assert len({step.name for step in PLAN}) == len({step.marker for step in PLAN}) == len(PLAN)
    clean_only = make_plan(parse_recipe(TEXT, "a.toml"))
    assert [step.condition for step in clean_only if step.kind == "score"] == [CLEAN] * 5


def test_needs_come_first_and_long_chains_start_first() -> None:
    seen: set[str] = set()
    for step in PLAN:
        assert seen.issuperset(step.needs)
        seen.add(step.name)
    assert [step.kind for step in PLAN[:5]] == ["probe"] + ["train"] * 4
    assert all(step.needs == (PROBE,) for step in PLAN[1:5])
    by_name = {step.name: step for step in PLAN}
    assert by_name["score trait seed 4 clean"].needs == ("train trait seed 4",)
    assert by_name["score pre-RL thought-harmful"].needs == ()
    assert by_name["score pre-RL thought-harmful"].marker == "scores/pre-RL/thought-harmful/done.json"
    assert by_name["train trait seed 4"].folder == str(Path("arms/trait-4"))


def test_arms_matched_by_operations_go_on_when_all_of_their_seed_are_trained() -> None:
    plan = make_plan(parse_recipe(TEXT + '[training]\nmatch = "flops"', "a.toml"))
    by_name = {step.name: step for step in plan}
    match = by_name["match trait seed 4"]
    assert match.needs == ("train baseline seed 4", "train trait seed 4")
    assert match.folder == by_name["train trait seed 4"].folder
    assert match.marker == "arms/trait-4/matched.json"
    assert by_name["score trait seed 4 clean"].needs == (match.name,)
    assert [step.kind for step in last_training(plan)] == ["match"] * 4
    assert [step.kind for step in last_training(PLAN)] == ["train"] * 4


def test_a_step_waits_for_its_needs_even_if_its_marker_is_there() -> None:
    steps = [Step("train", "a", "x", 0, None, "a/done"), Step("score", "b", "x", 0, "clean", "b/done", ("a",))]
    assert statuses(steps, lambda step: False) == {"a": "ready", "b": "waiting"}
    assert statuses(steps, lambda step: step.name == "b") == {"a": "ready", "b": "waiting"}
    assert statuses(steps, lambda step: step.name == "a") == {"a": "done", "b": "ready"}
    assert statuses(steps, lambda step: True) == {"a": "done", "b": "done"}


def test_what_can_start() -> None:
    first, second = steps = [
        Step("train", "a", "x", 0, None, "a/done"),
        Step("score", "b", "x", 0, "clean", "b/done", ("a",)),
    ]
    assert ready(steps, done=[], taken=[]) == [first]
    assert ready(steps, done=[], taken=["a"]) == []
    assert ready(steps, done=["a"], taken=["a"]) == [second]
    assert ready([second], done=[], taken=[]) == [second], "a need that is no step of this call was done before it"
