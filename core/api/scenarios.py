"""What is done to a stream on purpose."""

from __future__ import annotations

from datetime import datetime

import msgspec

from core.scenarios import Logged, Scenario


class ScenarioKind(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario that can be asked for; its strength means `meaning`, within [low, high]."""

    name: str
    help: str
    meaning: str
    default: float
    low: float
    high: float


class ScenarioAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is done to a stream on purpose; `current` may begin later and is null when all is normal."""

    application: str
    time: datetime
    current: Scenario | None = None
    scenarios: list[ScenarioKind]
    log: list[Logged]
