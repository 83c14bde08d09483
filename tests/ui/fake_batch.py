"""What the fake API answers about batch training and diagnostics; its jobs move with the clock.

`fraction` stops the clock: every job that has not ended is then that far.
"""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from core.applications import APPLICATIONS
from core.batch import JobLine, JobReport, JobState, Stage
from core.declaration import Application, Classification, Clustering
from core.diagnostics.shapes import Fact, Result, Sample
from core.metrics import batch_metrics
from core.recipes import title
from core.registry import best
from core.runs import Evaluated, RunSummary, Span, Window
from tests.ui import fake_drift, fake_menu, fake_panels, fake_replies
from tests.ui.fake_data import problem
from tests.ui.fake_scores import GOAL

Answer = tuple[int, dict[str, Any]]

TRAIN_SECONDS = 14.0
DIAGNOSE_SECONDS = {"quick": 1.2, "refit": 8.0}
ITERATIONS = 400

STAGES = (
    (0.0, Stage.LOADING),
    (0.15, Stage.FITTING),
    (0.75, Stage.EVALUATING),
    (0.9, Stage.LOGGING),
)


class FakeBatch:
    """The state of one server: its jobs, its results, its champions."""

    def __init__(self) -> None:
        self.fraction: float | None = None
        self.jobs: dict[str, dict[str, Any]] = {}
        self.results: dict[str, Result] = {}
        self.champions: dict[str, str] = {}
        self.drifts: set[str] = set()
        """Applications with a drift report."""
        self.untrained = False
        """No champion answers."""
        self.fail = ""
        """Why the next jobs fail; empty: they do not."""

    def answer(
        self, mode: str, method: str, parts: list[str], asks: dict[str, str], body: dict[str, Any]
    ) -> Answer | None:
        """The answer to a question about batch; None where it is none. `parts`: the path after `v1`."""
        if parts[0] == "jobs":
            return self.about_jobs(method, parts[1:], asks)
        empty = mode == "empty"
        match method, parts:
            case "GET", ["batch", name]:
                return 200, self.training(APPLICATIONS[name], empty)
            case "GET", ["batch", name, "runs"]:
                runs = [] if empty else self.runs(APPLICATIONS[name])
                return 200, {"runs": runs, "best": best(APPLICATIONS[name].task, runs)}
            case "GET", ["batch", name, "diagnostics"]:
                return 200, {"application": name, "tabs": fake_menu.menu(APPLICATIONS[name])}
            case "POST", ["batch", name, "predict"]:
                return fake_replies.registered(APPLICATIONS[name], body, empty or self.untrained)
            case "GET", ["batch", name, "drift"]:
                return fake_drift.answer(name, not empty and name in self.drifts)
            case "POST", ["batch", name, "jobs"]:
                return 202, self.report(self.start(name, body))
            case "PUT", ["batch", name, "champion"]:
                return self.promote(APPLICATIONS[name], body["run_id"])
            case _, ["batch", name, "diagnostics", diagnostic]:
                return self.diagnostic(method, name, diagnostic, asks, body)
        return None

    def about_jobs(self, method: str, parts: list[str], asks: dict[str, str]) -> Answer | None:
        match method, parts:
            case "GET", []:
                mine = [one for one in self.jobs.values() if one["application"] == asks["application"]]
                return 200, {"jobs": [self.report(one) for one in reversed(mine)], "slots": 1}
            case "GET", [job]:
                return 200, self.report(self.jobs[job])
            case "GET", [job, "log"]:
                return 200, self.log(self.jobs[job], asks.get("after", ""))
            case "DELETE", [job]:
                self.jobs[job]["stopped"] = True
                return 200, self.report(self.jobs[job])
        return None

    def training(self, application: Application, empty: bool) -> dict[str, Any]:
        runs = [] if empty else self.runs(application)
        return {
            "application": application.name,
            "recipes": [recipe(name) for name in application.batch],
            "rows": 1_240 if empty else 38_402,
            "champion": next((one for one in runs if "champion" in one.aliases), None),
            "challenger": next((one for one in runs if "challenger" in one.aliases), None),
            "most_rows": 1_000_000,
            "answering": {"refused": "", "away": ""},
        }

    def runs(self, application: Application) -> list[RunSummary]:
        champion = self.champions.get(application.name, run_id(3))
        return [run(application, version, champion) for version in (5, 4, 3, 2, 1)]

    def promote(self, application: Application, chosen: str) -> Answer:
        one = next(one for one in self.runs(application) if one.run_id == chosen)
        if one.evaluated is None:
            return 409, problem(409, f"version {one.version} was not evaluated on the latest window")
        self.champions[application.name] = chosen
        return 200, self.training(application, empty=False)

    def start(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        job: dict[str, Any] = {
            "id": f"job-{len(self.jobs) + 1}",
            "application": name,
            "request": request | {"application": name},
            "made": time.time(),
            "fail": self.fail,
            "seconds": TRAIN_SECONDS,
        }
        self.jobs[job["id"]] = job
        return job

    def done(self, job: dict[str, Any]) -> float:
        if self.fraction is not None and "ended" not in job:
            return self.fraction
        return min(1.0, (time.time() - float(job["made"])) / float(job["seconds"]))

    def report(self, job: dict[str, Any]) -> dict[str, Any]:
        done = self.done(job)
        state = JobState.FINISHED if done >= 1 else JobState.RUNNING
        if job.get("stopped"):
            state = JobState.STOPPED
        elif job["fail"] and done >= 0.5:
            state = JobState.FAILED
        made = datetime.fromtimestamp(job["made"], UTC)
        kind = job["request"]["kind"]
        stage = (
            Stage.COMPUTING
            if kind in ("diagnose", "drift")
            else [stage for at, stage in STAGES if done >= at][-1]
        )
        ended = state != JobState.RUNNING
        report = JobReport(
            id=job["id"],
            application=job["application"],
            kind=kind,
            request=job["request"],
            state=state,
            stage=Stage.DONE if state == JobState.FINISHED else stage,
            percent=100 * done,
            made=made,
            started=made,
            ended=datetime.now(UTC) if ended else None,
            error=job["fail"] if state == JobState.FAILED else "",
            result={"run_id": run_id(5), "version": 5} if kind == "train" and done >= 1 else {},
        )
        if kind == "drift" and state == JobState.FINISHED:
            self.drifts.add(job["application"])
        if kind == "diagnose" and state == JobState.FINISHED:
            self.results[key(job["request"])] = result(job["request"])
        return dict(msgspec.to_builtins(report))

    def log(self, job: dict[str, Any], after: str) -> dict[str, Any]:
        application = APPLICATIONS[job["application"]]
        grouped = isinstance(application.task, Clustering)
        lines = (searched if grouped else fitted)(self.done(job))
        first = int(after or 0)
        return {"lines": msgspec.to_builtins(lines[first:]), "last": str(len(lines))}

    def diagnostic(
        self, method: str, name: str, diagnostic: str, asks: dict[str, str], body: dict[str, Any]
    ) -> Answer:
        asked = fake_menu.found(APPLICATIONS[name], diagnostic)
        if method == "GET":
            body = {"run_id": asks.pop("run_id"), "parameters": asks}
        request = {"kind": "diagnose", "application": name, "diagnostic": diagnostic} | body
        known = self.results.get(key(request))
        if known is not None:
            return 200, dict(msgspec.to_builtins(known))
        if method == "GET" or asked is None:
            return 404, problem(404, f"{diagnostic} was not computed yet")
        job = self.start(name, request)
        job["seconds"] = DIAGNOSE_SECONDS[asked["cost"]]
        return 202, self.report(job)


def key(request: dict[str, Any]) -> str:
    given = request["parameters"].items()
    chosen = sorted((name, str(value)) for name, value in given if value != "")
    return f"{request['application']} {request['diagnostic']} {request['run_id']} {chosen}"


def result(request: dict[str, Any]) -> Result:
    return Result(
        diagnostic=request["diagnostic"],
        application=request["application"],
        run_id=request["run_id"],
        parameters=request["parameters"],
        panels=fake_panels.MADE[request["diagnostic"]](),
        facts=[
            Fact(title="ROC AUC", value=0.8842),
            Fact(title="Largest error", value=1_204.0, unit="s"),
            Fact(title="Hardest group", value="Thunderstorm"),
            Fact(title="Not known", value=None),
        ],
        sample=Sample(rows=2_000, available=9_812, split="test", how="random, seed 42"),
        seconds=0.412,
        computed=datetime(2026, 11, 21, 12, 30, tzinfo=UTC),
        note="A class has 40 rows only: the band is wide.",
    )


def recipe(name: str) -> dict[str, Any]:
    numbers = {"iterations": (1_000, 50, 5_000), "learning_rate": (0.05, 0.005, 0.5), "depth": (6, 2, 10)}
    parameters: list[dict[str, Any]] = [
        {
            "name": one,
            "default": default,
            "low": low,
            "high": high,
            "choices": [],
            "help": f"The {one} of {name}.",
        }
        for one, (default, low, high) in numbers.items()
    ]
    kinds = ["none", "Balanced"]
    parameters.append({"name": "class_weights", "default": "none", "choices": kinds, "help": ""})
    return {"name": name, "title": title(name), "parameters": parameters}


def run_id(version: int) -> str:
    return f"{version}a9c7e51d24bb8f0"


def run(application: Application, version: int, champion: str) -> RunSummary:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    ended = now - timedelta(hours=5 - version)
    rows = 6_000 if version > 1 else 600
    tables = {"data": 410 + version, "features": 120 + version}
    late = Window(start=now - timedelta(hours=1), end=now, rows=5_000, tables={"data": 418})
    naive = {metric.id: GOAL.get(metric.id, (0, 0, None))[2] for metric in batch_metrics(application.task)}
    evaluated = Evaluated(window=late, scores=scores(application, version + 0.5))
    return RunSummary(
        run_id=run_id(version),
        application=application.name,
        recipe=application.batch[version % 2],
        title=title(application.batch[version % 2]),
        version=version,
        aliases=["champion"] if run_id(version) == champion else ["challenger"] if version == 5 else [],
        started=ended,
        ended=ended + timedelta(seconds=5),
        seconds=6.4 - 0.4 * version,
        rows={"train": rows, "validation": rows // 3, "test": rows // 3},
        window=Span(start=ended - timedelta(hours=3), end=ended),
        used_until=ended - timedelta(minutes=36),
        tables=tables,
        parameters={"iterations": 1_000, "learning_rate": 0.05, "depth": 4 + version % 3},
        scores=scores(application, version),
        validation={},
        naive=naive,
        threshold=0.118 if isinstance(application.task, Classification) else None,
        evaluated=evaluated if version in (5, 3, 2) else None,
        digests={},
        run_url=f"http://127.0.0.1:15000/#/experiments/2/runs/{run_id(version)}",
    )


def scores(application: Application, seed: float) -> dict[str, float | None]:
    rng = random.Random(seed)
    found: dict[str, float | None] = {}
    for metric in batch_metrics(application.task):
        end = GOAL.get(metric.id, (0.0, 0.62, None))[1]
        found[metric.id] = end * (1 + rng.uniform(-0.05, 0.05))
    return found


def fitted(done: float) -> list[JobLine]:
    """Lines of an iterative fit: loss of training and validation, best so far, time that remains."""
    start = datetime(2026, 11, 21, 12, tzinfo=UTC)
    lines = [JobLine(at=start, text="10,000 of 38,402 rows of data, version 415, loaded in 0.4 s")]
    share = min(1.0, max(0.0, (done - STAGES[1][0]) / (STAGES[2][0] - STAGES[1][0])))
    reached = int(ITERATIONS * share) // 10 * 10
    for n in range(10, reached + 1, 10):
        train = 0.06 + 0.5 * float(np.exp(-n / 40))
        held = 0.072 + 0.48 * float(np.exp(-n / 45)) + 0.00002 * n
        lines.append(
            JobLine(
                at=start + timedelta(seconds=n / 50),
                text=f"iteration {n} of {ITERATIONS}: validation {held:.4f}",
                values={
                    "iteration": n,
                    "total": ITERATIONS,
                    "train": train,
                    "validation": held,
                    "best": min(held, 0.095),
                    "remaining_s": (ITERATIONS - n) / 50,
                },
            )
        )
    return lines


def searched(done: float) -> list[JobLine]:
    """Lines of a search over the number of segments."""
    start = datetime(2026, 11, 21, 12, tzinfo=UTC)
    reached = 1 + int(11 * min(1.0, done / 0.75))
    return [
        JobLine(
            at=start + timedelta(seconds=k),
            text=f"k={k}: silhouette {0.41 - 0.02 * abs(k - 5):.3f}",
            values={"k": k, "silhouette": 0.41 - 0.02 * abs(k - 5), "stability": 0.95 - 0.04 * abs(k - 4)},
        )
        for k in range(2, reached + 1)
    ]
