"""What Prometheus reads of the API, in a registry of its own: two apps in one process don't mix."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Meters:
    """Counters, gauges and histograms of the API."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "millrace_http_requests_total",
            "Requests answered",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "millrace_http_request_seconds",
            "Time to answer a request",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.predict_seconds = Histogram(
            "millrace_predict_seconds",
            "Time from a decoded request to the model's answer",
            ("application",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.model_version = self._gauge("model_version", "Snapshot that answers")
        self.snapshot_age = self._gauge("snapshot_age_seconds", "Age of the snapshot that answers")
        self.snapshot_bytes = self._gauge(
            "snapshot_bytes",
            "Size of the snapshot that answers: all models of the roster, their scores, what is awaited",
        )
        self.refused_snapshots = Counter(
            "millrace_refused_snapshots_total",
            "Snapshots refused: bad signature, wrong shape, unreadable",
            ("application",),
            registry=self.registry,
        )
        self._registered()
        self.sql_seconds = Histogram(
            "millrace_sql_seconds",
            "Time of an SQL request, whatever became of it",
            ("application", "outcome"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.dependency_up = Gauge(
            "millrace_dependency_up", "1 where a dependency answers", ("name",), registry=self.registry
        )

    def _registered(self) -> None:
        """Of the registered models."""
        self.batch_version = self._gauge("batch_model_version", "Registered version that answers")
        self.batch_age = self._gauge("batch_model_age_seconds", "Time since its training ended")
        self.batch_score = Gauge(
            "millrace_batch_model_score",
            "Score of the registered model that answers, on its test rows",
            ("application", "metric"),
            registry=self.registry,
        )
        self.refused_batch_models = Counter(
            "millrace_refused_batch_models_total",
            "Registered models refused: bad signature, of another application, unreadable, lost",
            ("application",),
            registry=self.registry,
        )
        self.batch_predict_seconds = Histogram(
            "millrace_batch_predict_seconds",
            "Time from a decoded request to the registered model's answer",
            ("application",),
            buckets=_SECONDS,
            registry=self.registry,
        )

    def _gauge(self, name: str, help_: str) -> Gauge:
        """One value per application."""
        return Gauge(f"millrace_{name}", help_, ("application",), registry=self.registry)

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self.registry)
