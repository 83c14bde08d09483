"""What is asked of a learner, as its loop meets it: go on or rest, who answers, which version to go back to.

Control (Redis) -> Desk.rests -> the loop holds its partitions, keeps a snapshot
                -> Desk.choose -> Contest
                -> Desk.fetched -> a thread looks for the version -> Return, or why not
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import structlog

from core.control import Control, Reset
from learners.learner import Learner
from learners.versions import Found, Missing

log = structlog.get_logger("millrace.learner")


class Return(NamedTuple):
    """A version was found that a person asked to go back to."""

    reset: Reset
    found: Found


class Refused(ValueError):
    """What is asked can't be done; the text says why."""


class _Fetch(threading.Thread):
    """Looks for a version while the loop goes on to tell that it lives."""

    def __init__(self, reset: Reset, find: Callable[[int], Found]) -> None:
        super().__init__(name=f"version-{reset.version}", daemon=True)
        self.reset = reset
        self._find = find
        self.found: Found | None = None
        self.problem = ""

    def run(self) -> None:
        """Finds it, or tells why not."""
        try:
            self.found = self._find(self.reset.version)
        except Missing as error:
            self.problem = str(error)
        except Exception as error:
            log.exception("looking for a version failed", version=self.reset.version)
            self.problem = f"{type(error).__name__}: {error}"


def _nowhere(version: int) -> Found:
    raise Missing(f"version {version} is not kept")


class Desk:
    """Between what is asked and the loop that does it; no call waits."""

    def __init__(
        self, asked: Callable[[], Control] = Control, find: Callable[[int], Found] = _nowhere
    ) -> None:
        """`asked`: what is asked at the moment; `find`: a version, may take its time, raises Missing."""
        self._asked = asked
        self._find = find
        self._fetch: _Fetch | None = None
        self._unknown = ""
        self.problem = ""
        """Why the last reset was refused; empty when it was not."""

    def wanted(self, learner: Learner) -> Reset | None:
        """The reset that the learner has not answered yet."""
        reset = self._asked().reset
        return None if reset is None or reset.id == learner.reset else reset

    def rests(self, learner: Learner) -> bool:
        """Whether the learner shall take no events now."""
        return not self._asked().training or self.wanted(learner) is not None

    def choose(self, learner: Learner) -> bool:
        """Brings the champion to what is asked; whether anything has changed."""
        champion, contest = self._asked().champion, learner.contest
        if champion is msgspec.UNSET:
            return False
        if champion is None:
            released = contest.pinned
            contest.release()
            return released
        if contest.pinned and contest.champion == champion:
            return False
        if champion not in learner.entrants:
            if champion != self._unknown:
                log.error("no such model", champion=champion, models=list(learner.entrants))
                self._unknown = str(champion)
            return False
        contest.appoint(str(champion), learner.taught, learner.clock)
        log.info("champion by hand", champion=champion)
        return True

    def fetched(self, reset: Reset) -> Found | None:
        """The version to go back to; None while it is looked for. Raises Refused when it can't be had."""
        if self._fetch is None or self._fetch.reset != reset:
            self._fetch = _Fetch(reset, self._find)
            self._fetch.start()
        if self._fetch.is_alive():
            return None
        if self._fetch.found is None:
            raise Refused(self._fetch.problem)
        return self._fetch.found

    def refuse(self, learner: Learner, reset: Reset, reason: str) -> None:
        """The learner stays as it is, and says why; this reset is not tried again."""
        learner.reset, self._fetch = reset.id, None
        self.problem = f"not reset to version {reset.version}: {reason}"
        log.error("not reset", version=reset.version, reason=reason)
