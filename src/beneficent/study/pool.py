"""A few worker processes that do the steps of a plan, each as soon as what it needs is done."""

import multiprocessing
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess

from beneficent.core.errors import BeneficentError
from beneficent.study.events import Event, Listener, StepFailed, StepFinished
from beneficent.study.plan import Step, ready
from beneficent.study.worker import Job, Pipe, work

_END_SECONDS = 10.0


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: Pipe
    step: Step | None = None


def run_steps(steps: Sequence[Step], jobs: Sequence[Job], listen: Listener) -> None:
    """Do all steps, one worker for each job; ``needs`` outside ``steps`` count as done.

    A step that fails does not stop the others, only those that need it: what is done stays done.

    Raises:
        BeneficentError: steps failed by something the user can mend; the message has every reason.
        RuntimeError: a step failed by a defect; the message has its traceback.
    """
    workers = [_start(job) for job in jobs[: len(steps)]]
    done: set[str] = set()
    taken: set[str] = set()
    failures: list[StepFailed] = []
    try:
        while True:
            _hand_out(steps, workers, done, taken)
            busy = [worker for worker in workers if worker.step is not None]
            if not busy:
                break
            for event in _hear(busy):
                listen(event)
                if isinstance(event, StepFinished):
                    done.add(event.step)
                elif isinstance(event, StepFailed):
                    failures.append(event)
    finally:
        _stop(workers)
    if failures:
        _complain(failures, len(steps) - len(done))
    if len(done) < len(steps):
        num_left = len(steps) - len(done)
        raise BeneficentError(f"no worker process is left, but {num_left} steps; the same command goes on with them")


def _start(job: Job) -> _Worker:
    # Spawned, not forked: threads and devices of a forked torch do not work.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=work, args=(there, job), daemon=True)
    process.start()
    there.close()
    return _Worker(process, here)


def _hand_out(steps: Sequence[Step], workers: Sequence[_Worker], done: set[str], taken: set[str]) -> None:
    waiting = ready(steps, done, taken)
    for worker in workers:
        if worker.step is None and waiting and worker.process.is_alive():
            step = waiting.pop(0)
            with suppress(BrokenPipeError):  # the process ended this moment; its end is heard below
                worker.pipe.send(step)
            worker.step = step
            taken.add(step.name)


def _hear(busy: Sequence[_Worker]) -> list[Event]:
    """Wait until a worker says something or ends; the events that were said."""
    by_pipe = {worker.pipe: worker for worker in busy}
    events: list[Event] = []
    for said in connection.wait(list(by_pipe)):
        worker = by_pipe[said]  # type: ignore[index]
        try:
            event: Event = worker.pipe.recv()
        except (EOFError, OSError):
            event = _died(worker)
        if isinstance(event, StepFinished | StepFailed):
            worker.step = None
        events.append(event)
    return events


def _died(worker: _Worker) -> StepFailed:
    assert worker.step is not None
    worker.process.join(_END_SECONDS)
    code = worker.process.exitcode
    how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
    why = "; the system may have run out of memory, try fewer --workers" if code == -9 else ""
    return StepFailed(worker.step.name, f"its worker process ended by {how}{why}")


def _stop(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        if worker.step is not None:
            worker.process.kill()
        with suppress(OSError, ValueError):
            worker.pipe.send(None)
    for worker in workers:
        worker.process.join(_END_SECONDS)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.pipe.close()


def _complain(failures: Sequence[StepFailed], num_left: int) -> None:
    traces = [failure.traceback for failure in failures if failure.traceback is not None]
    if traces:
        raise RuntimeError(f"a step failed by a defect of this package or the source:\n{traces[0]}")
    reasons = [f"{failure.step}: {failure.reason}" for failure in failures]
    raise BeneficentError("\n".join([*reasons, f"{num_left} steps are left; the same command goes on with them"]))
