"""Upkeep: few files after many commits, and neither a row nor a version lost beside live ones."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import structlog
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from core import settings as all_settings
from core.applications import APPLICATIONS
from core.names import EVENT_DATE, SOURCE_OFFSET, SOURCE_PARTITION, Table, transaction_id
from core.schemas import predictions_schema, table_spec
from core.settings import Settings
from flink_jobs import upkeep
from flink_jobs.commit import LakeTable
from flink_jobs.tables import create, table_uri
from flink_jobs.upkeep import Upkeep, compact, figures, patiently, vacuum

APPLICATION = next(iter(APPLICATIONS.values()))
SPEC = table_spec(Table.PREDICTIONS)
TOPIC = "topic"
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def opened(lake: Path) -> LakeTable:
    create(str(lake), APPLICATION, SPEC)
    return LakeTable(TOPIC, table_uri(str(lake), APPLICATION.name, SPEC.table))


def rows(first: int, count: int, day: datetime = NOW) -> pa.Table:
    schema = predictions_schema(APPLICATION)
    one = {SOURCE_PARTITION: 0, "value": True, "event_time": day, EVENT_DATE: day.date()}
    return pa.Table.from_pylist(
        [one | {SOURCE_OFFSET: first + n, "event_id": token_hex(20)} for n in range(count)], schema=schema
    )


def add(table: LakeTable, first: int, count: int = 5, day: datetime = NOW) -> None:
    offsets = np.arange(first, first + count)
    assert table.commit(lambda: rows(first, count, day), np.zeros(count, np.int64), offsets) == count


def offsets(table: LakeTable) -> list[int]:
    found: list[int] = (
        DeltaTable(table.uri).to_pyarrow_table(columns=[SOURCE_OFFSET])[SOURCE_OFFSET].to_pylist()
    )
    return sorted(found)


def settings(lake: Path) -> Settings:
    return Settings(var=lake.parent, lake=all_settings.Lake(uri=str(lake)))


def test_small_files_become_one_per_day_and_no_row_is_gone(tmp_path: Path) -> None:
    table = opened(tmp_path)
    for n in range(16):
        add(table, n * 5, day=NOW - timedelta(days=n % 4))
    assert compact(table.uri, NOW) == (16, 4)
    assert figures(table.uri).files == 4
    assert offsets(table) == list(range(80))
    version = DeltaTable(table.uri).version()
    assert compact(table.uri, NOW) == (0, 0)
    assert DeltaTable(table.uri).version() == version, "nothing to do is no commit"
    assert DeltaTable(table.uri).transaction_version(transaction_id(TOPIC, 0)) == 80


def test_a_day_of_rounds_leaves_few_files_and_rewrites_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day in small: many rounds of eight commits each, with a target that the day fills several times."""
    table = opened(tmp_path)
    add(table, 0, 200)
    monkeypatch.setattr(upkeep, "RECENT_BYTES", 4 * figures(table.uri).bytes)
    rounds, commits, at, most, written = 15, 8, 200, 0, 0
    for _ in range(rounds):
        for _ in range(commits):
            add(table, at, 200)
            at += 200
        most = max(most, figures(table.uri).files)
        before = on_disk(table)
        compact(table.uri, NOW)
        written += on_disk(table) - before
    whole = figures(table.uri)
    full = whole.bytes / upkeep.RECENT_BYTES
    assert offsets(table) == list(range(at))
    assert full > 3
    assert whole.files <= 2 * full + 2
    assert most <= 2 * full + 2 + commits
    # Joined as a whole in every round, half the day would be written per round on average.
    assert written < rounds * whole.bytes / 2 / 2


def on_disk(table: LakeTable) -> int:
    return sum(
        file.stat().st_size for file in Path(table.uri).rglob("*.parquet") if "_delta_log" not in str(file)
    )


def test_a_day_that_is_over_is_joined_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = opened(tmp_path)
    monkeypatch.setattr(upkeep, "RECENT_BYTES", 1)
    for n in range(4):
        add(table, n * 5)
    compact(table.uri, NOW)
    assert figures(table.uri).files == 4
    compact(table.uri, NOW + timedelta(days=2))
    assert figures(table.uri).files == 1


def test_vacuum_keeps_what_the_last_day_needs(tmp_path: Path) -> None:
    table = opened(tmp_path)
    for n in range(6):
        add(table, n * 5)
    before = DeltaTable(table.uri)
    compact(table.uri, NOW)
    assert vacuum(table.uri, 24) == 0
    assert before.to_pyarrow_table().num_rows == 30, "a reader of the version before still finds its files"
    with pytest.raises(DeltaError, match="retention"):
        vacuum(table.uri, 1)


def test_upkeep_beside_live_commits(tmp_path: Path) -> None:
    """Every version is there, every row once, while both write as fast as they can."""
    table = opened(tmp_path)
    done, failures = threading.Event(), list[str]()
    tender = Upkeep(settings(tmp_path), structlog.get_logger("test"))
    rounds = 0

    def tend() -> None:
        nonlocal rounds
        while not done.is_set():
            tender._vacuumed.clear()
            failures.extend(tender.round().errors.values())
            rounds += 1

    thread = threading.Thread(target=tend)
    thread.start()
    until, at = time.monotonic() + 6, 0
    while time.monotonic() < until:
        add(table, at)
        at += 5
    done.set()
    thread.join()
    assert not failures
    assert rounds >= 3
    assert at >= 100
    assert offsets(table) == list(range(at))
    log = Path(table.uri) / "_delta_log"
    versions = sorted(int(file.stem) for file in log.glob("*.json"))
    assert versions == list(range(DeltaTable(table.uri).version() + 1)), "versions are dense"
    compact(table.uri, NOW)
    assert figures(table.uri).files == 1


def test_another_writer_may_win_a_few_times() -> None:
    tries = 0

    def loses(times: int) -> Any:
        nonlocal tries
        tries += 1
        if tries <= times:
            raise CommitFailedError("lost")
        return tries

    assert patiently(lambda: loses(2)) == 3
    tries = 0
    with pytest.raises(CommitFailedError):
        patiently(lambda: loses(100))
    assert tries == upkeep.ATTEMPTS


def test_a_broken_table_does_not_keep_the_others(tmp_path: Path) -> None:
    table = opened(tmp_path)
    add(table, 0)
    create(str(tmp_path), APPLICATION, table_spec(Table.EVENTS))
    broken = Path(table_uri(str(tmp_path), APPLICATION.name, Table.EVENTS)) / "_delta_log"
    for file in broken.iterdir():
        file.write_bytes(b"rubbish")
    report = Upkeep(settings(tmp_path), structlog.get_logger("test")).round()
    assert [path.rpartition("/")[2] for path in report.errors] == ["events"]
    [(path, found)] = report.tables.items()
    assert path.endswith("predictions")
    assert (found.files, found.rows) == (1, 5)


def test_marks_of_the_topics_survive(tmp_path: Path) -> None:
    table = opened(tmp_path)
    add(table, 0)
    Upkeep(settings(tmp_path), structlog.get_logger("test")).round()
    assert DeltaTable(table.uri).transaction_version(transaction_id(TOPIC, 0)) == 5
