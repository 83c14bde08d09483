"""What the API is, and how it is, in a few words."""

from __future__ import annotations

from datetime import datetime

import msgspec


class RootAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The service and what can be asked of it."""

    service: str
    version: str
    summary: str
    applications: list[str]
    documentation: dict[str, str]
    endpoints: dict[str, str]
    """Method and path -> what it does."""


class HealthModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model in memory."""

    application: str
    source: str
    model: str
    version: int


class HealthAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How the service is."""

    status: str
    """`healthy`; `degraded` where something is away or missing; `unavailable` where nothing can answer."""
    service: str
    version: str
    uptime_s: float
    time: datetime
    models: list[HealthModel]
    problems: dict[str, str]
    """Part -> what is wrong with it."""
