"""Train, validation and test by time: pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.parts import Moments, Parts, latest, sizes, widest


def drawn(n: int, gap: int, delay: int, seed: int) -> tuple[Moments, Moments]:
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, n * gap, n))
    return times, times + rng.integers(0, delay + 1, n)


def check(times: Moments, known_at: Moments, parts: Parts) -> None:
    for earlier, later in ((parts.train, parts.validation), (parts.validation, parts.test)):
        assert times[earlier].max() < times[later].min()
        assert known_at[earlier].max() <= times[later].min(), "learned from a label before its time"


@given(st.integers(10, 400), st.integers(1, 20), st.integers(0, 300), st.integers(0, 9))
def test_no_label_is_known_too_late(n: int, gap: int, delay: int, seed: int) -> None:
    times, known_at = drawn(n, gap, delay, seed)
    parts = widest(times, known_at)
    if parts is not None:
        check(times, known_at, parts)
        assert len(parts.test) >= 1
        assert len(parts.train) >= 1


def test_shares_hold_and_only_the_gaps_are_left_out() -> None:
    times = np.arange(10_000)
    parts = widest(times, times + 50)
    assert parts is not None
    check(times, times + 50, parts)
    assert 10_000 - parts.rows in range(90, 110)
    assert [len(part) / parts.rows for part in parts] == pytest.approx([0.6, 0.2, 0.2], abs=0.001)
    assert parts.test[-1] == 9_999


def test_the_latest_reach_back_over_the_gaps() -> None:
    times = np.arange(10_000)
    parts = latest(times, times + 1000, 1000)
    assert parts is not None
    check(times, times + 1000, parts)
    assert tuple(map(len, parts)) == sizes(1000)
    assert parts.test[0] == 9800
    assert parts.validation[0] == 9800 - 1000 - 200 + 1
    assert parts.train[-1] == parts.validation[0] - 1000


def test_rows_of_one_time_stay_together() -> None:
    times = np.repeat(np.arange(50), 20)
    parts = widest(times, times)
    assert parts is not None
    check(times, times, parts)


@pytest.mark.parametrize("times", [np.arange(0), np.arange(2), np.zeros(100, dtype=np.int64)])
def test_none_where_time_leaves_no_room(times: npt.NDArray[np.int64]) -> None:
    assert widest(times, times) is None
    assert latest(np.arange(100), np.arange(100) + 60, 10) is None
