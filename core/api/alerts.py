"""Alerts: what the rules found, and what people did about it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class AlertState(StrEnum):
    """Where an alert stands."""

    FIRING = "firing"
    """Nobody has taken it yet."""
    ACKNOWLEDGED = "acknowledged"
    """It holds, and somebody has taken it."""
    RESOLVED = "resolved"


class AlertDid(StrEnum):
    """What may happen to an alert."""

    FIRED = "fired"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    REOPENED = "reopened"


class AlertEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an alert's history."""

    time: datetime
    who: str
    """`alertmanager`, or the name of whoever asked the API."""
    what: AlertDid
    note: str = ""


class AlertAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An alert: one cause, from its begin to its end."""

    id: str
    fingerprint: str
    """Alertmanager's: of the labels."""
    name: str
    severity: str
    """critical, warning, info, none, or other where the label says something else."""
    application: str | None = None
    state: AlertState
    labels: dict[str, str]
    annotations: dict[str, str]
    start: datetime
    end: datetime | None = None
    """As Alertmanager says it, else when somebody resolved it; null while it holds."""
    received: datetime
    """When it was last heard of from Alertmanager."""
    receiver: str = ""
    url: str = ""
    """Of the rule, at Prometheus."""
    by: str = ""
    """Who acknowledged or resolved it."""
    history: list[AlertEntry]
    """The newest entries, oldest first."""


class AlertsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts, the latest begun first."""

    alerts: list[AlertAnswer]
    matching: int
    """How many there are, of which `alerts` are the newest."""


class AlertSummaryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How many alerts there are. By severity and application only those that hold count."""

    total: int
    states: dict[str, int]
    severities: dict[str, int]
    applications: dict[str, int]
    """Empty name: of no application."""
    oldest: AlertAnswer | None = None
    """The one that has waited longest for anybody."""


class TakenAlertsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a notification."""

    received: int
    new: int
    changed: int
    """Were resolved, or opened again."""
