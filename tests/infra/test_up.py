"""What `scripts/up` does while it waits."""

from __future__ import annotations

import time

import pytest

from core.applications import APPLICATIONS
from core.settings import Producers, Settings
from infra.local import readiness, up

WAITING = "asked 7, taught 7, not scored yet"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(readiness, "first_score", lambda settings, application, since: WAITING)
    monkeypatch.setattr(up, "SCORED_SECONDS", 0.2)
    return []


@pytest.mark.parametrize("rate", ["0", "1"])
def test_too_few_events_for_a_score_are_said_and_do_not_end_the_stack(said: list[str], rate: str) -> None:
    settings = Settings(producers=Producers(rate=rate))
    up._wait_scored(settings, up.Steps(said.append, time.time()), time.time())
    assert len(said) == len(APPLICATIONS)
    assert all(WAITING in line for line in said)


def test_nobody_waits_for_scores_of_a_stream_that_is_switched_off(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "SCORED_SECONDS", 60)
    began = time.monotonic()
    up._wait_scored(Settings(producers=Producers(rate="0")), up.Steps(said.append, time.time()), time.time())
    assert time.monotonic() - began < 1
