"""What other processes have left of themselves in Redis, read when somebody asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from core import names
from core.applications import APPLICATIONS
from core.records import UpkeepReport
from serving.features.report import Report

if TYPE_CHECKING:
    from redis import Redis

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")


class Reports:
    """Nothing is known while Redis is away: then it is not asked."""

    def __init__(self, redis: Redis, away: Callable[[], str]) -> None:
        self._redis = redis
        self._away = away

    def features(self) -> dict[str, Report]:
        """How far the latest features have come, of the applications whose writer has reported."""
        keys = {name: names.features_report_key(name) for name in APPLICATIONS}
        found = self._asked(list(keys.values()))
        return {
            name: report
            for name, text in zip(keys, found, strict=True)
            if (report := _decoded(name, text, Report)) is not None
        }

    def upkeep(self) -> UpkeepReport | None:
        """The tables' latest round of upkeep."""
        found: UpkeepReport | None = _decoded("upkeep", self._asked([names.upkeep_key()])[0], UpkeepReport)
        return found

    def _asked(self, keys: list[str]) -> list[Any]:
        from redis.exceptions import RedisError

        nothing = [None] * len(keys)
        if self._away():
            return nothing
        try:
            found: Any = self._redis.mget(keys)
        except (RedisError, OSError):
            return nothing
        return list(found)


def _decoded(name: str, text: Any, kind: Any) -> Any:
    if not isinstance(text, bytes):
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        log.warning("report unreadable", of=name, error=str(error))
        return None
