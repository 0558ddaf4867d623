"""Run in an environment with verifiers and the exported package: its own loader, tasks and scoring."""

import asyncio
import json
import sys
from importlib import import_module
from pathlib import Path

import verifiers.v1 as vf
from verifiers.v1.cli.eval.main import main
from verifiers.v1.graph import MessageNode
from verifiers.v1.trace import TraceTask
from verifiers.v1.utils.loaders import load_taskset

NAME = "beneficent-situations"
responses = sys.argv[1:]


def tasks(split: str) -> list[vf.Task]:
    config = import_module("beneficent_situations.taskset").SituationsConfig
    return list(load_taskset(config(id=NAME, split=split, task={"judge": "word_grader:grader"})))


def scored(task: vf.Task, response: str) -> dict[str, object]:
    """What verifiers records for one rollout that ended in a response."""
    reply = MessageNode(message=vf.AssistantMessage(content=response), sampled=True)
    trace = vf.Trace(
        task=TraceTask(type=type(task).__name__, data=task.data),
        agent=vf.AgentInfo(config=vf.AgentConfig()),
        nodes=[reply],
    )
    try:
        asyncio.run(task.score(trace))
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}", "rewards": trace.rewards}
    return {"rewards": {name: reward.value for name, reward in trace.rewards.items()}, "metrics": trace.metrics}


def judge_of_the_command_line() -> str:
    """The judge in what ``vf-eval`` makes of the options that the export's README gives; nothing is run."""
    options = ["--env.agent.harness.id", "null", "--env.taskset.task.judge", "word_grader:grader", "--dry-run"]
    main([NAME, *options, "--output-dir", "eval"])
    config = json.loads(next(Path("eval").rglob("eval.json")).read_text())
    return str(config["env"]["taskset"]["task"]["judge"])


train, test = tasks("train"), tasks("test")
first = train[0]
print(
    "FOUND",
    json.dumps(
        {
            "keys": [task.key for task in train],
            "test_keys": [task.key for task in test],
            "system": first.data.system_prompt,
            "prompt": [message.model_dump(include={"role", "content"}) for message in first.data.prompt],
            "command_line": judge_of_the_command_line(),
            "scores": [scored(first, response) for response in responses],
        }
    ),
)
