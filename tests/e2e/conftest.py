"""The stack under test: brought up once for all end-to-end tests, as a user would."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.stack import Stack

HISTORY = 6000
"""Enough that every model has learned enough to answer; the clusters need 300 finished sessions."""

SETTINGS = {
    "MILLRACE_PRODUCERS__BACKFILL_EVENTS": str(HISTORY),
    "MILLRACE_PRODUCERS__RATE": "5",
    "MILLRACE_PRODUCERS__MALFORMED_SHARE": "0.02",
    "MILLRACE_LEARNERS__SNAPSHOT_SECONDS": "2",
    # Tables are joined all the time while they are written.
    "MILLRACE_LAKE__UPKEEP_MINUTES": "0.1",
}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"), SETTINGS)
    try:
        started = stack.local("up", "--detach")
        assert started.returncode == 0, started.stdout + started.stderr
        assert "Ready after" in started.stdout
        yield stack
    finally:
        ended = stack.local("down")
    assert ended.returncode == 0, ended.stderr
    assert not stack.processes(), "scripts/down left processes behind"
