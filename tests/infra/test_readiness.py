"""When a learner counts as started."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from core.applications import APPLICATIONS
from core.records import LearnerReport, LearnerState
from core.settings import Settings
from infra.local import readiness

NAME = next(iter(APPLICATIONS))


class Stored:
    """Redis with one report in it."""

    def __init__(self, report: LearnerReport) -> None:
        self._report = report

    def get(self, _: str) -> bytes:
        return msgspec.json.encode(self._report)


@pytest.mark.parametrize(
    ("state", "lag", "age_s", "said"),
    [
        (LearnerState.LIVE, 0, 0, ""),
        (LearnerState.STARTING, 7, 0, ""),
        (LearnerState.STARTING, 0, 0, "its state is starting"),
        (LearnerState.PAUSED, 0, 0, ""),
        (LearnerState.FAILED, 7, 0, "its state is failed"),
        (LearnerState.LIVE, 0, 3600, "its state is lost"),
        (LearnerState.STARTING, 7, 3600, "its state is lost"),
    ],
)
def test_a_learner_is_ready_once_it_takes_events_or_was_told_to_rest(
    monkeypatch: pytest.MonkeyPatch, state: LearnerState, lag: int, age_s: float, said: str
) -> None:
    beat = datetime.now(UTC) - timedelta(seconds=age_s)
    report = LearnerReport(
        application=NAME, state=state, pid=1, heartbeat=beat, champion="m", version=0, lag=lag
    )
    monkeypatch.setattr("infra.local.readiness.redis_connect.client", lambda _: Stored(report))
    assert readiness.learner(Settings(), NAME) == said
