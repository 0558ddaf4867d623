"""A worker process: imports torch once, then does the steps it is sent until it is told to stop or its parent ends."""

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from pathlib import Path

from beneficent.core.errors import BeneficentError
from beneficent.core.files import explain_os_error
from beneficent.study.events import Event, StepFailed, StepFinished, StepStarted
from beneficent.study.folder import RunFolder
from beneficent.study.plan import Step
from beneficent.study.recipe import parse_recipe

Pipe = connection.Connection


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to know for all its steps; picklable. ``device`` is ``cpu`` or ``cuda:0`` and so on."""

    recipe_toml: str
    folder: Path
    device: str


def work(pipe: Pipe, job: Job) -> None:
    """Body of the process: receives a ``Step`` or None (stop), sends events; each step ends in exactly one of
    ``StepFinished`` and ``StepFailed``."""
    # Ctrl-C reaches the whole process group; the parent alone answers it, by ending its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    # One thread a worker: arms run side by side, and sums in one order make the numbers independent of the core count.
    os.environ.update({"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"})
    os.environ.update({"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"})
    import torch

    from beneficent.study.doing import Workplace

    torch.set_num_threads(1)
    tell = pipe.send
    place = Workplace(parse_recipe(job.recipe_toml, "recipe.toml"), RunFolder(job.folder), job.device, tell)
    while (step := _next(pipe)) is not None:
        tell(StepStarted(step.name))
        tell(_attempt(place.do, step))


def _next(pipe: Pipe) -> Step | None:
    step: Step | None = pipe.recv()
    return step


def _attempt(do: Callable[[Step], str], step: Step) -> Event:
    start = time.perf_counter()
    try:
        summary = do(step)
    except BeneficentError as error:
        return StepFailed(step.name, str(error))
    except OSError as error:
        return StepFailed(step.name, explain_os_error(error))
    except Exception as error:
        return StepFailed(step.name, f"{type(error).__name__}: {error}", traceback.format_exc())
    return StepFinished(step.name, time.perf_counter() - start, summary)


def _end_with_parent() -> None:
    """End this process at once when the parent ends, even by SIGKILL: nobody would read what it does."""
    parent = parent_process()
    assert parent is not None, "a worker is started by a parent"

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
