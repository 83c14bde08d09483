"""Each anomaly is seen when it is there: a check that can't fail proves nothing."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from deltalake.exceptions import TableNotFoundError

from core.names import SOURCE_OFFSET, SOURCE_PARTITION
from tests.e2e.anomalies import (
    Read,
    duplicates,
    look,
    lost_writes,
    non_monotonic_reads,
    places,
    skipped_offsets,
    unseen,
    watched,
)

STORED = [(0, 0), (0, 1), (0, 2), (1, 0)]


def test_a_lost_write() -> None:
    assert lost_writes([(0, 1), (1, 0)], STORED) == []
    assert lost_writes([(0, 3), (0, 1), (2, 0)], STORED) == [(0, 3), (2, 0)]


def test_a_duplicate_in_one_table_or_over_two() -> None:
    assert duplicates(STORED) == []
    assert duplicates([*STORED, (0, 1)]) == [(0, 1)]


def test_a_skipped_offset() -> None:
    assert skipped_offsets(STORED) == []
    assert skipped_offsets([(0, 0), (0, 3), (1, 1)]) == [(0, 1), (0, 2), (1, 0)]


def test_a_read_that_goes_back() -> None:
    steady = [Read(0, 0), Read(1, 5), Read(1, 5), Read(2, 5)]
    assert non_monotonic_reads(steady) == []
    assert non_monotonic_reads([*steady, Read(3, 4)]) == [(Read(2, 5), Read(3, 4))]
    assert non_monotonic_reads([*steady, Read(1, 9)]) == [(Read(2, 5), Read(1, 9))]


def test_an_event_that_was_never_asked() -> None:
    valid = [(0, (0, 0)), (1, (1, 0)), (0, (0, 1)), (0, (0, 2)), (0, (0, 1)), (1, (1, 1))]
    assert unseen(valid, [(0, 1), (0, 2), (1, 1)]) == []
    assert unseen(valid, [(0, 0), (0, 2), (1, 0)]) == [(0, 1), (1, 1)]


def append(uri: str, offsets: list[int]) -> None:
    write_deltalake(
        uri, pa.table({SOURCE_PARTITION: [0] * len(offsets), SOURCE_OFFSET: offsets}), mode="append"
    )


def test_a_table_is_read_while_it_grows(tmp_path: Path) -> None:
    uri = str(tmp_path / "table")
    append(uri, [0, 1])
    with watched([uri]) as reads:
        append(uri, [2])
    assert reads[uri][-1] == look(uri) == Read(1, 3)
    assert non_monotonic_reads(reads[uri]) == []
    assert sorted(places(uri)) == [(0, 0), (0, 1), (0, 2)]


def test_a_reader_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(TableNotFoundError), watched([str(tmp_path / "nowhere")]):
        pass
