from __future__ import annotations

import threading
import time

import pytest

from serving.readings import Away, Reading


def test_a_value_is_kept_for_a_moment() -> None:
    calls: list[int] = []
    reading = Reading("x", lambda: calls.append(1) or len(calls), fresh_s=0.2)  # type: ignore[func-returns-value]
    assert [reading(), reading()] == [1, 1]
    time.sleep(0.25)
    assert reading() == 2


def test_a_failure_names_itself() -> None:
    def fail() -> int:
        raise OSError("the disk is gone")

    with pytest.raises(Away, match="x: OSError: the disk is gone"):
        Reading("x", fail)()


def test_a_hanging_fetch_costs_one_thread_and_the_limit() -> None:
    release, calls = threading.Event(), []

    def hang() -> int:
        calls.append(1)
        release.wait()
        return 7

    reading = Reading("x", hang, limit_s=0.1)
    for _ in range(3):
        started = time.monotonic()
        with pytest.raises(Away, match=r"no answer within 0\.1 s"):
            reading()
        assert time.monotonic() - started < 1
    assert len(calls) == 1
    release.set()
    time.sleep(0.05)
    assert reading() == 7
