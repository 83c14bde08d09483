"""What monitoring adds to the client: captures, quality, drift, reports, alerts.

MonitoringClient.capture -> TakenAnswer;  .check_drift -> DriftFound;  .acknowledge -> AlertAnswer
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from core.api.alerts import AlertAnswer, AlertsAnswer, AlertState, AlertSummaryAnswer
from core.api.captures import CapturesAnswer, TakenAnswer
from core.api.client.base import ATTEMPTS, Client
from core.api.drift import DriftStatusAnswer, ReportsAnswer
from core.api.quality import QualityAnswer
from core.drift import DriftFound

ALERTS = "/api/v1/monitoring/alerts"


class MonitoringClient(Client):
    """Calls below `/api/v1/monitoring`."""

    def capture(
        self, application: str, records: Sequence[Mapping[str, Any]], skip_bad: bool = False
    ) -> TakenAnswer:
        """Hands over events with the answers of a model outside; those held already change nothing."""
        answer = self._call(
            "POST",
            _of(application, "captures"),
            params={"skip_bad": skip_bad},
            json={"records": [dict(one) for one in records]},
        )
        return self._decode(answer, TakenAnswer)

    def captures(self, application: str, limit: int) -> CapturesAnswer:
        """What is held of an application's captures, and the newest of them."""
        return self._get(_of(application, "captures"), CapturesAnswer, limit=limit)

    def check_quality(self, application: str, records: Sequence[Any]) -> QualityAnswer:
        """What is wrong with records."""
        answer = self._call("POST", _of(application, "quality"), json={"records": list(records)})
        return self._decode(answer, QualityAnswer)

    def quality(self, application: str, source: str, rows: int) -> QualityAnswer:
        """What is wrong with the newest rows of the `table` and its dead letters, or the `captures`."""
        answer = self._call("POST", _of(application, "quality"), json={"source": source, "rows": rows})
        return self._decode(answer, QualityAnswer)

    def drift_status(self, application: str) -> DriftStatusAnswer:
        """What detectors and the latest reports say."""
        return self._get(_of(application, "drift"), DriftStatusAnswer)

    def check_drift(
        self, application: str, records: Sequence[Mapping[str, Any]], keep: bool = False
    ) -> DriftFound:
        """How far events lie from the reference of the latest report."""
        answer = self._call(
            "POST",
            _of(application, "drift"),
            params={"keep": keep},
            json={"records": [dict(one) for one in records]},
        )
        return self._decode(answer, DriftFound)

    def reports(self, application: str) -> ReportsAnswer:
        """The drift reports that are kept, newest first."""
        return self._get(_of(application, "reports"), ReportsAnswer)

    def report(self, application: str, report: str) -> DriftFound:
        """A drift report."""
        return self._get(_of(application, f"reports/{quote(report, safe='')}"), DriftFound)

    def report_page(self, application: str, report: str) -> str:
        """The same as a page of HTML that needs nothing else."""
        path = _of(application, f"reports/{quote(report, safe='')}")
        return self._call("GET", path, attempts=ATTEMPTS, params={"format": "html"}).text

    def alerts(
        self,
        limit: int,
        state: AlertState | None = None,
        severity: str | None = None,
        application: str | None = None,
    ) -> AlertsAnswer:
        """The alerts that are kept, the latest begun first."""
        asked: dict[str, int | str] = {"limit": limit}
        asked |= {} if state is None else {"state": AlertState(state).value}
        asked |= {} if severity is None else {"severity": severity}
        asked |= {} if application is None else {"application": application}
        return self._get(ALERTS, AlertsAnswer, **asked)

    def alert_summary(self) -> AlertSummaryAnswer:
        """How many alerts there are, and which one waits longest."""
        return self._get(f"{ALERTS}/summary", AlertSummaryAnswer)

    def alert(self, alert: str) -> AlertAnswer:
        """An alert with its history."""
        return self._get(_alert(alert), AlertAnswer)

    def acknowledge(self, alert: str, note: str = "") -> AlertAnswer:
        """Takes an alert; a problem with status 409 says who has it already."""
        return self._decode(
            self._call("POST", f"{_alert(alert)}/acknowledge", json={"note": note}), AlertAnswer
        )

    def resolve(self, alert: str, note: str = "") -> AlertAnswer:
        """Says that an alert is over; a problem with status 409 says that it was."""
        return self._decode(self._call("POST", f"{_alert(alert)}/resolve", json={"note": note}), AlertAnswer)


def _of(application: str, what: str) -> str:
    return f"/api/v1/monitoring/{application}/{what}"


def _alert(alert: str) -> str:
    return f"{ALERTS}/{quote(alert, safe='')}"
