"""How soon drift on the stream is found, and how often it is found where there is none.

    generator, conditions -> events -> inputs ------------------+
                               `-> model -> (label) -> errors --+-> Drift -> delays, false alarms

Events come at the live rate. Windowed features, which a Flink job adds, are not part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from core.applications import APPLICATIONS
from core.declaration import Application, Classification, Clustering
from core.records import DriftEvent
from core.scenarios import Name, Scenario, conditions, planned
from learners.drift import Drift, losses
from models import answer, build, row
from models.columns import from_rows, microseconds
from producers.disturb import wrong_label
from producers.registry import generator

BASELINE = "the same streams without a scenario: every alarm on them is a false one"

RATE = 10
"""Events a second, in event time."""

HISTORY = 20_000
HISTORY_SPAN = timedelta(days=14)
"""What comes first, as at a first start: the model knows the hours and the days when it goes live."""

BEFORE_H = 2.0
"""Live hours of the usual world before a scenario begins."""

MINUTES = 60.0
"""Of a scenario."""

AFTER_S = 3600.0
"""What is found so long after a scenario still counts: labels come late."""

SCENARIOS = (Name.SUDDEN, Name.MODERATE_DRIFT, Name.GRADUAL, Name.LABEL_NOISE)

BEGAN = datetime(2026, 3, 2, 8, tzinfo=UTC)
"""When the stream goes live."""

_BATCH = 600


class Run:
    """One stream with its model and detectors; `go` makes it go on."""

    def __init__(self, application: Application, seed: int) -> None:
        self.application = application
        self.source = generator(application.name, seed)
        self.model = build(application)
        self.drift = Drift(application, model=application.online[0])
        self.noise = Random(seed)
        self.made = 0
        self.waiting: list[tuple[datetime, int, Any, Any, float]] = []
        self.watched_s = 0.0
        """Seconds that the detectors of inputs took."""
        self.time = BEGAN - HISTORY_SPAN
        """Of the next event."""
        self.gap = HISTORY_SPAN / HISTORY
        self.go(HISTORY)
        self.time, self.gap = BEGAN, timedelta(seconds=1) / RATE

    def go(self, events: int, scenario: Scenario | None = None) -> list[DriftEvent]:
        """The changes that are found in so many events; in a scenario, no more once both kinds are found."""
        found: list[DriftEvent] = []
        for start in range(0, events, _BATCH):
            found += self._batch(min(_BATCH, events - start), scenario)
            if scenario and len({bool(one.model) for one in found}) == 2:
                break
        return found

    def _batch(self, count: int, scenario: Scenario | None) -> list[DriftEvent]:
        rows, times, told, known = [], [], [], []
        for _ in range(count):
            time = self.time
            self.time += self.gap
            holds = conditions(scenario, time)
            event = self.source.next(time, holds.shift)
            if self.noise.random() < holds.label_noise:
                wrong_label(self.application, event, self.noise)
            x = row(self.application, event)
            rows.append(x)
            times.append(microseconds(time))
            self._ask(x, time, event)
            for loss, due in self._labels(time):
                told.append(loss)
                known.append(microseconds(due))
            self.made += 1
        columns, at = from_rows(self.application, rows), np.array(times, dtype=np.int64)
        began = perf_counter()
        found = self.drift.inputs(columns, at)
        self.watched_s += perf_counter() - began
        return found + self.drift.errors(np.array(told, dtype=np.float64), np.array(known, dtype=np.int64))

    def _ask(self, x: dict[str, Any], time: datetime, event: dict[str, Any]) -> None:
        delay = self.application.label_delay
        span = timedelta(seconds=event[delay]) if isinstance(delay, str) else delay
        said = np.nan
        if self.model.trained:
            given = answer(self.application, self.model, x, None)
            said = float(given.value if given.probability is None else given.probability)
        truth = event.get(self.application.label or "")
        heappush(self.waiting, (time + span, self.made, x, truth, said))

    def _labels(self, time: datetime) -> Iterable[tuple[float, datetime]]:
        task = self.application.task
        while self.waiting and self.waiting[0][0] <= time:
            due, _, x, truth, said = heappop(self.waiting)
            self.model.learn_one(x, truth)
            if not isinstance(task, Clustering):
                known = truth == task.positive if isinstance(task, Classification) else truth
                loss = losses(self.application, np.array([said]), np.array([float(known)]))
                yield float(loss[0]), due


def measure(hours: float, seeds: list[int], say: Callable[[str], None]) -> dict[str, Any]:
    """Per application: false alarms a day, and per scenario the delay in events until each kind of alarm."""
    return {name: _measured(application, hours, seeds, say) for name, application in APPLICATIONS.items()}


def _measured(
    application: Application, hours: float, seeds: list[int], say: Callable[[str], None]
) -> dict[str, Any]:
    false: list[DriftEvent] = []
    delays: dict[str, list[dict[str, int | None]]] = {name: [] for name in SCENARIOS}
    for seed in seeds:
        run = Run(application, seed)
        false += run.go(_events(BEFORE_H * 3600))
        for name in SCENARIOS:
            if application.label is None and name is Name.LABEL_NOISE:
                continue
            branch = deepcopy(run)
            scenario = planned(name, start=branch.time, minutes=MINUTES)
            found = branch.go(_events(MINUTES * 60 + AFTER_S), scenario)
            delays[name].append(_delays(found, scenario))
            say(f"{application.name}, seed {seed}, {name}: {delays[name][-1]}")
        false += run.go(_events((hours - BEFORE_H) * 3600))
        say(f"{application.name}, seed {seed}: {len(false)} false alarms up to here")
    days = hours * len(seeds) / 24
    return {
        "inputs": len(run.drift.watched),
        "inputs_events_per_s": round(run.made / run.watched_s),
        "false_alarms_a_day": {
            "error": round(sum(bool(one.model) for one in false) / days, 2),
            "inputs": round(sum(bool(one.feature) for one in false) / days, 2),
        },
        "false_inputs": _counted(one.feature for one in false if one.feature),
        "delay_events": {name: _summary(told) for name, told in delays.items() if told},
    }


def _events(seconds: float) -> int:
    return round(seconds * RATE)


def _delays(found: list[DriftEvent], scenario: Scenario) -> dict[str, int | None]:
    """Events from the scenario's start to the first alarm on the error, and on an input."""
    first: dict[str, int | None] = {"error": None, "inputs": None}
    for one in found:
        kind = "error" if one.model else "inputs"
        if first[kind] is None:
            first[kind] = round((one.time - scenario.start).total_seconds() * RATE)
    return first


def _summary(told: list[dict[str, int | None]]) -> dict[str, str]:
    """The median of the delays, and how often there was one."""
    summary = {}
    for kind in ("error", "inputs"):
        delays = [one[kind] for one in told if one[kind] is not None]
        middle = round(median(d for d in delays if d is not None)) if delays else None
        summary[kind] = f"{middle} ({len(delays)} of {len(told)})"
    return summary


def _counted(names: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts
