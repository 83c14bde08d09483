"""A silent learner is lost, whatever it last said."""

from datetime import UTC, datetime, timedelta

import pytest

from core.records import LearnerReport, LearnerState, state_now

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "age", "seen"),
    [
        (LearnerState.LIVE, 1, LearnerState.LIVE),
        (LearnerState.LIVE, 16, LearnerState.LOST),
        (LearnerState.PAUSED, 1, LearnerState.PAUSED),
        (LearnerState.PAUSED, 16, LearnerState.LOST),
        (LearnerState.STARTING, 16, LearnerState.LOST),
        (LearnerState.FINISHED, 9999, LearnerState.FINISHED),
        (LearnerState.FAILED, 9999, LearnerState.FAILED),
    ],
)
def test_state(said: LearnerState, age: float, seen: LearnerState) -> None:
    heartbeat = NOW - timedelta(seconds=age)
    report = LearnerReport(application="any", state=said, pid=1, heartbeat=heartbeat, champion="m", version=1)
    assert state_now(report, NOW, 15) is seen
