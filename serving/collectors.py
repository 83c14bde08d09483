"""Metrics of other processes: made from their reports when Prometheus asks.

    Redis: reports of the latest features and of the upkeep -> families -> /metrics

Their counts are stored with what they count, so they go on after a restart of whoever counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from core.records import UpkeepReport
from serving.features.report import AGE_BOUNDS, DELAY_BOUNDS, Histogram
from serving.reports import Reports

APPLICATION = ["application"]
TABLE = ["application", "table"]


class FeatureCollector(Collector):
    """How far and how fresh the features of each application are."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    def collect(self) -> Iterator[Any]:
        """The families, empty where nothing is known."""
        found, now = self._reports.features(), datetime.now(UTC)
        rows = CounterMetricFamily(
            "millrace_feature_rows", "Feature rows read", labels=["application", "late"]
        )
        age = HistogramMetricFamily(
            "millrace_feature_age_seconds",
            "Age of events, from event time, at their features",
            labels=APPLICATION,
        )
        delay = HistogramMetricFamily(
            "millrace_feature_delay_seconds",
            "From an event's arrival at the broker until its features can be read; a sample of rows",
            labels=APPLICATION,
        )
        newest = GaugeMetricFamily(
            "millrace_feature_event_time_seconds",
            "Newest event time with features, in s since 1970",
            labels=APPLICATION,
        )
        entities = GaugeMetricFamily(
            "millrace_feature_entities", "Entities whose features are held", labels=APPLICATION
        )
        report_age = GaugeMetricFamily(
            "millrace_feature_report_age_seconds", "Age of the writer's last report", labels=APPLICATION
        )
        for name, report in found.items():
            rows.add_metric([name, "false"], report.book.rows - report.late - report.unreadable)
            rows.add_metric([name, "true"], report.late)
            age.add_metric([name], *_buckets(AGE_BOUNDS, report.ages))
            delay.add_metric([name], *_buckets(DELAY_BOUNDS, report.delays))
            entities.add_metric([name], report.entities)
            if report.newest_event_time:
                newest.add_metric([name], report.newest_event_time.timestamp())
            if report.written:
                report_age.add_metric([name], (now - report.written).total_seconds())
        yield from (rows, age, delay, newest, entities, report_age)


def _buckets(bounds: tuple[float, ...], histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Prometheus's own form: accumulated counts by upper bound, and the sum."""
    names = [str(float(bound)) for bound in bounds] + ["+Inf"]
    return list(zip(names, accumulate(histogram.counts), strict=True)), histogram.total


class UpkeepCollector(Collector):
    """The Delta tables as the last round of upkeep left them, and the round."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    def collect(self) -> Iterator[Any]:
        """The families, empty before the first round."""
        report = self._reports.upkeep()
        yield from _tables(report)
        yield from _round(report)


def _tables(report: UpkeepReport | None) -> Iterator[Any]:
    for field, help_ in {
        "files": "Files of the newest version",
        "bytes": "Bytes of these files",
        "rows": "Rows in these files",
        "version": "Newest version",
    }.items():
        family = GaugeMetricFamily(f"millrace_table_{field}", f"{help_}, after the last upkeep", labels=TABLE)
        for path, figures in (report.tables if report else {}).items():
            application, _, table = path.partition("/")
            family.add_metric([application, table], getattr(figures, field))
        yield family


def _round(report: UpkeepReport | None) -> Iterator[Any]:
    figures: dict[str, tuple[str, Callable[[UpkeepReport], float]]] = {
        "seconds": ("Seconds that the last round took", lambda one: one.seconds),
        "errors": ("Tables that the last round could not tend", lambda one: len(one.errors)),
        "age_seconds": (
            "Seconds since the last round",
            lambda one: (datetime.now(UTC) - one.time).total_seconds(),
        ),
    }
    for name, (help_, figure) in figures.items():
        family = GaugeMetricFamily(f"millrace_upkeep_{name}", help_)
        if report:
            family.add_metric([], figure(report))
        yield family
