"""Metrics of what the routes of monitoring keep in Redis, made when Prometheus asks.

Redis: alerts, captures, drift reports -> families -> /metrics; nothing while Redis is away
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from core import captures, drift_reports
from core.api.alerts import AlertState
from core.applications import APPLICATIONS
from serving.alerts import SEVERITIES, Alerts

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")


class MonitoringCollector(Collector):
    """Alerts, captures and drift reports; `away` says why Redis can't be asked, or nothing."""

    def __init__(self, redis: Redis, away: Callable[[], str]) -> None:
        self._redis = redis
        self._away = away

    def collect(self) -> Iterator[Any]:
        """The families, empty where nothing is known."""
        yield self._alerts()
        yield self._captures()
        yield from self._reports()

    def _alerts(self) -> GaugeMetricFamily:
        family = GaugeMetricFamily(
            "millrace_alerts", "Alerts that are kept, by state", labels=["state", "severity"]
        )
        found = self._asked(lambda: Alerts(self._redis, timedelta()).all())
        if found is not None:
            counts = Counter((one.state, one.severity) for one in found)
            # Zero is told as well, so that an alert's begin is a change and not a new series.
            named = {(state, severity) for state in AlertState for severity in SEVERITIES}
            for state, severity in sorted(named | counts.keys()):
                family.add_metric([state.value, severity], counts[state, severity])
        return family

    def _captures(self) -> CounterMetricFamily:
        family = CounterMetricFamily(
            "millrace_captures", "Captures taken from outside programs", labels=["application"]
        )
        for name, count in (
            self._asked(lambda: captures.taken(self._redis, list(APPLICATIONS))) or {}
        ).items():
            family.add_metric([name], count)
        return family

    def _reports(self) -> Iterator[GaugeMetricFamily]:
        labels, now = ["application", "source"], datetime.now(UTC)
        share = GaugeMetricFamily(
            "millrace_drift_share", "Share of inputs that drift, by the latest report", labels=labels
        )
        age = GaugeMetricFamily(
            "millrace_drift_report_age_seconds", "Age of the latest drift report", labels=labels
        )
        for name in APPLICATIONS:
            kept = self._asked(partial(drift_reports.listed, self._redis, name)) or []
            for source, one in drift_reports.by_source(kept).items():
                share.add_metric([name, source], one.share)
                age.add_metric([name, source], (now - one.time).total_seconds())
        yield from (share, age)

    def _asked(self, question: Callable[[], T]) -> T | None:
        from redis.exceptions import RedisError

        if self._away():
            return None
        try:
            return question()
        except (RedisError, OSError):
            return None
