"""Metrics of the learners, made from their reports when Prometheus asks.

    Redis: report -> LiveModels (in memory) -> families -> /metrics

Counts come from the snapshot, so they go on after a restart of a learner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from core.applications import APPLICATIONS
from core.records import LearnerReport, LearnerState, state_now
from core.settings import Settings
from serving.live_models import LiveModels

APPLICATION = ["application"]
MODEL = ["application", "model"]
SCORE = ["application", "model", "metric"]

Figure = Callable[[LearnerReport], float]

_COUNTERS: dict[str, tuple[str, Figure]] = {
    "millrace_events_asked": ("Events that the models were asked about", lambda one: one.asked),
    "millrace_labels_taught": ("Labels that became known and were taught", lambda one: one.taught),
    "millrace_events_repeated": ("Events that came again and were passed over", lambda one: one.repeats),
    "millrace_events_without_features": (
        "Events asked about before their windowed features came, late ones among them",
        lambda one: one.without_features,
    ),
}

_GAUGES: dict[str, tuple[str, Figure]] = {
    "millrace_labels_pending": ("Events whose label is not due yet", lambda one: one.pending),
    "millrace_learner_lag_events": ("Valid events not yet asked about", lambda one: one.lag),
    "millrace_learner_bad_features": (
        "Messages of the topic of features that could not be read, since the learner started",
        lambda one: one.bad_features,
    ),
    "millrace_learner_rate": ("Events asked about per second, over the last report", lambda one: one.rate),
    "millrace_learner_report_age_seconds": (
        "Age of the learner's last report",
        lambda one: (datetime.now(UTC) - one.heartbeat).total_seconds(),
    ),
}


class LearnerCollector(Collector):
    """What each application's learner said last; nothing of one that never reported."""

    def __init__(self, live: LiveModels, settings: Settings) -> None:
        self._live = live
        self._timeout = settings.learners.heartbeat_timeout_seconds

    def collect(self) -> Iterator[Any]:
        """The families."""
        found = {name: self._live.view(name).report for name in APPLICATIONS}
        reports = {name: one for name, one in found.items() if one is not None}
        for kinds, family in ((_COUNTERS, CounterMetricFamily), (_GAUGES, GaugeMetricFamily)):
            for title, (help_, figure) in kinds.items():
                made = family(title, help_, labels=APPLICATION)
                for name, report in reports.items():
                    made.add_metric([name], figure(report))
                yield made
        yield self._states(reports)
        yield from _models(reports)
        yield from _stream(reports)

    def _states(self, reports: dict[str, LearnerReport]) -> GaugeMetricFamily:
        made = GaugeMetricFamily(
            "millrace_learner_state",
            "1 for the state it is in, by heartbeat",
            labels=["application", "state"],
        )
        now = datetime.now(UTC)
        for name, report in reports.items():
            current = state_now(report, now, self._timeout)
            for state in LearnerState:
                made.add_metric([name, state], float(state is current))
        return made


def _models(reports: dict[str, LearnerReport]) -> Iterator[Any]:
    champion = GaugeMetricFamily("millrace_model_champion", "1 for the model that answers", labels=MODEL)
    failures = CounterMetricFamily("millrace_model_failures", "Steps at which a model failed", labels=MODEL)
    seconds = GaugeMetricFamily(
        "millrace_model_event_seconds", "Time of a core per event: ask, teach, score", labels=MODEL
    )
    scores = GaugeMetricFamily(
        "millrace_model_score", "Score from answers given before the label was known", labels=SCORE
    )
    for name, report in reports.items():
        for one in report.models:
            champion.add_metric([name, one.name], float(one.champion))
            failures.add_metric([name, one.name], one.failures)
            if one.microseconds is not None:
                seconds.add_metric([name, one.name], one.microseconds / 1e6)
            for metric, value in one.scores.items():
                if value is not None:
                    scores.add_metric([name, one.name, metric], value)
    yield from (champion, failures, seconds, scores)


def _stream(reports: dict[str, LearnerReport]) -> Iterator[Any]:
    drift = CounterMetricFamily(
        "millrace_drift_events", "Changes found, of the error or of an input", labels=["application", "kind"]
    )
    estimated = GaugeMetricFamily(
        "millrace_estimated_score",
        "Expected score of the champion's answers whose labels are awaited",
        labels=["application", "metric"],
    )
    for name, report in reports.items():
        for kind, count in report.drifts.items():
            drift.add_metric([name, kind], count)
        for metric, estimate in report.estimated.items():
            if estimate.value is not None:
                estimated.add_metric([name, metric], estimate.value)
    yield from (drift, estimated)
