"""Keeps an eye on which scenario holds, beside the stream: Redis may be slow or away, events go on.

names.scenario_key -> (about once a second) -> the last scenario seen -> conditions at a moment
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from core import scenarios
from core.scenarios import Conditions, Scenario

if TYPE_CHECKING:
    from redis import Redis

EVERY_S = 1.0


class Watch:
    """Reads an application's scenario in a thread of its own. Away, it goes on with what it saw last."""

    def __init__(self, redis: Redis, application: str) -> None:
        self._redis = redis
        self._application = application
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")
        self._scenario: Scenario | None = None
        self._trouble = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scenario", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, unless Redis holds it up: then it ends with the process."""
        self._over.set()
        self._thread.join(timeout=EVERY_S)

    def conditions(self, time: datetime) -> Conditions:
        """What holds at `time`, as far as is known."""
        return scenarios.conditions(self._scenario, time)

    def look(self) -> None:
        """Reads once; a change and a new trouble are logged."""
        from redis.exceptions import RedisError

        try:
            found = scenarios.current(self._redis, self._application)
        except (RedisError, OSError, ValueError) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._log.warning("scenario unknown", application=self._application, error=self._trouble)
            return
        self._trouble = ""
        if found != self._scenario:
            self._log.info("scenario", application=self._application, scenario=found and _plain(found))
            self._scenario = found

    def _run(self) -> None:
        while not self._over.is_set():
            self.look()
            self._over.wait(EVERY_S)


def _plain(scenario: Scenario) -> dict[str, str | float]:
    return {
        "name": scenario.name.value,
        "start": scenario.start.isoformat(),
        "end": scenario.end.isoformat(),
        "strength": scenario.strength,
    }
