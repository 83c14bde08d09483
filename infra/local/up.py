"""Starts the stack in the order of its dependencies and says how long each part took.

preflight -> broker, redis, flink -> topics, tables -> jobs, learners -> history -> serving, ui, mlflow
-> producers -> first scores -> addresses
"""

from __future__ import annotations

import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from core.applications import APPLICATIONS
from core.connect.supervisor import parts
from core.settings import Settings
from infra.local import broker, compiled, flink, preflight, readiness, stores, supervise
from infra.local.program import APP_PYTHON, FLINK_PYTHON, REPO, stop_order
from infra.local.programs import programs
from infra.local.supervise import StackError, log_file

LIMIT_SECONDS = 420.0
"""How long one part may take until it is ready."""

SCORED_SECONDS = 180.0
"""How long the first scores are waited for; with the default rate they come within half a minute."""

POLL_SECONDS = 0.3


History = dict[str, subprocess.Popen[str]]
Compiling = subprocess.Popen[str] | None
"""The processes that produce each application's history."""


@dataclass
class Steps:
    """Prints numbered steps, each with its own time and the time since the start."""

    say: Callable[[str], None]
    since: float
    number: int = 0
    took: dict[str, float] = field(default_factory=dict)

    def done(self, what: str, started: float) -> None:
        """Prints that `what`, begun at `started` (epoch seconds), is ready now."""
        self.number += 1
        now = time.time()
        self.took[what] = now - started
        self.say(f"{self.number:3}. {what:<46} {now - started:6.1f} s   ({now - self.since:.0f} s)")


def up(settings: Settings, say: Callable[[str], None], since: float) -> Steps:
    """Brings the whole stack up; raises StackError, with nothing left running, when a part does not come."""
    steps = Steps(say, since)
    parts_ = programs(settings)
    preflight.check(settings, parts_)
    try:
        _start(settings, steps)
    except BaseException:
        say("Stopping what was started.")
        supervise.stop_all(settings, stop_order(parts_))
        raise
    return steps


def _start(settings: Settings, steps: Steps) -> None:
    began = time.time()
    preflight.make_secret(settings)
    broker.prepare(settings)
    stores.prepare_redis(settings)
    stores.prepare_mlflow(settings)
    flink.prepare(settings)
    supervise.launch(settings, programs(settings))
    compiling = compiled.start()
    steps.done("configuration, supervisor", began)

    began = time.time()
    supervise.start(settings, "broker", "redis", "jobmanager", "taskmanager")
    _wait(settings, steps, ["redis", "broker"], began)
    made = broker.create_topics(settings)
    _command(str(FLINK_PYTHON), "-m", "flink_jobs", "tables")
    steps.done(f"topics ({len(made)} new), tables", began)

    history = _start_history(settings)
    try:
        _start_the_rest(settings, steps, history, compiling, began)
    finally:
        for process in history.values():
            process.terminate()  # ended by now, unless something failed


def _start_the_rest(
    settings: Settings, steps: Steps, history: History, compiling: Compiling, began: float
) -> None:
    """What needs the topics: jobs and learners first, since they take longest to have something to show."""
    learners = [f"learner-{name}" for name in APPLICATIONS]
    supervise.start(settings, "flink-jobs", "latest-features")
    _finish_compiling(steps, compiling, began)
    supervise.start(settings, *learners)
    began_history = time.time()
    _wait(settings, steps, ["jobmanager", "taskmanager", "flink-jobs"], began)
    supervise.start(settings, "serving", "ui")
    _finish_history(steps, history, began_history)
    supervise.start(settings, *(f"producer-{name}" for name in APPLICATIONS))
    began = time.time()
    _wait(settings, steps, [*learners, "serving"], began)
    _wait_scored(settings, steps, began)
    supervise.start(settings, "mlflow", "upkeep", "batch")
    _wait(settings, steps, ["ui", "mlflow", "batch"], began)


def _finish_compiling(steps: Steps, compiling: Compiling, began: float) -> None:
    """Learners would compile by themselves what is missing: a failure costs time and memory, no more."""
    if compiling is None:
        return
    _, said = compiling.communicate()
    steps.done(
        "compiled loops of models" if compiling.returncode == 0 else f"not compiled: {said[-300:]}", began
    )


def _wait(settings: Settings, steps: Steps, names: Iterable[str], began: float) -> None:
    for name in names:
        _wait_for(settings, name, readiness.CHECKS[name])
        steps.done(name, began)


def _wait_scored(settings: Settings, steps: Steps, began: float) -> None:
    """Waits for the first scores, but not for ever: who sends few events has them when there were enough."""
    until = time.monotonic() + SCORED_SECONDS
    for name in APPLICATIONS:
        while waiting := readiness.first_score(settings, name, steps.since):
            if not settings.producers.rates[name] or time.monotonic() > until:
                steps.done(f"{name}: {waiting}", began)
                break
            time.sleep(POLL_SECONDS)
        else:
            steps.done(f"{name}: first score from this stream", began)


def _wait_for(settings: Settings, part: str, check: readiness.Check) -> None:
    """Polls until a part is ready; raises StackError with the end of its log when its time is over."""
    until = time.monotonic() + LIMIT_SECONDS
    while waiting := check(settings):
        state = parts(settings.var).get(part)
        if state is None or state.state == "FATAL":
            raise StackError(
                f"{part} does not run: {state.error if state else 'unknown'}\n{_tail(settings, part)}"
            )
        if time.monotonic() > until:
            raise StackError(
                f"{part} is not ready after {LIMIT_SECONDS:.0f} s: {waiting}\n{_tail(settings, part)}"
            )
        time.sleep(POLL_SECONDS)


def _tail(settings: Settings, part: str, lines: int = 15) -> str:
    try:
        with log_file(settings, part).open(errors="replace") as log:
            last = deque(log, maxlen=lines)
    except FileNotFoundError:
        return f"(it has written no log: {log_file(settings, part)})"
    return f"The end of {log_file(settings, part)}:\n" + "".join(last)


def _command(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPO, check=False)
    if done.returncode:
        raise StackError(f"`{' '.join(command[1:])}` failed:\n{(done.stderr or done.stdout)[-3000:]}")


def _start_history(settings: Settings) -> History:
    """Starts producing the history of every application whose topic is empty."""
    running: History = {}
    for name in APPLICATIONS:
        if settings.producers.backfill_events and not broker.message_count(settings, name):
            command = [str(APP_PYTHON), "-m", "producers", "backfill", name]
            command += ["--events", str(settings.producers.backfill_events)]
            command += ["--days", str(settings.producers.backfill_days)]
            running[name] = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=REPO
            )
    return running


def _finish_history(steps: Steps, history: History, began: float) -> None:
    for name, process in history.items():
        output, _ = process.communicate(timeout=LIMIT_SECONDS)
        if process.returncode:
            raise StackError(f"the history of {name} could not be produced:\n{output[-3000:]}")
        steps.done(f"{name}: history produced", began)
