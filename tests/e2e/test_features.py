"""The job `features` on a real broker and Flink, against DuckDB over the same rows: none may differ."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from core.applications import APPLICATIONS
from core.declaration import Application
from core.features import AGE, EVENT_TIME, KEY, LATE, features
from core.names import Job
from core.validation import Check, with_source
from producers.registry import generator
from tests.e2e import oracle
from tests.e2e.features import Valid, close, cluster, collect, send, stream, submit

pytestmark = pytest.mark.e2e

EVENTS = 70_000
"""Per application: more than 200,000 rows in all."""

DAYS = 3.0


@dataclass(frozen=True)
class Run:
    """What went in, and what came out."""

    bodies: list[bytes]
    rows: list[dict[str, Any]]
    ahead: dict[int, bool]
    """Of live events, one of them minutes ahead of the clock: source offset -> late."""

    @property
    def timely(self) -> list[dict[str, Any]]:
        """The rows that went through the windows."""
        return [row for row in self.rows if not row[LATE]]

    @property
    def counted(self) -> list[bytes]:
        """The events that count in windows: all but the late ones."""
        late = {place(row) for row in self.rows if row[LATE]}
        return [body for body in self.bodies if place(orjson.loads(body)) not in late]


def place(row: dict[str, Any]) -> tuple[int, int]:
    """Source partition and offset."""
    return row["source_partition"], row["source_offset"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    sent = {name: stream(application, EVENTS, DAYS) for name, application in APPLICATIONS.items()}
    with cluster(tmp_path_factory.mktemp("features"), {}) as stack:
        url = stack.read.broker.url
        for name, rows in sent.items():
            send(url, name, rows)
            close(url, APPLICATIONS[name], rows)
        submit(stack, Job.FEATURES)
        found = {name: collect(url, name, EVENTS) for name in APPLICATIONS}
        ahead = {name: clock_ahead(url, application) for name, application in APPLICATIONS.items()}
    return {name: Run([row.body for row in sent[name]], found[name], ahead[name]) for name in APPLICATIONS}


AHEAD = 10_000_000
"""The source offset of an event minutes ahead; those after it are of now."""


def clock_ahead(url: str, application: Application) -> dict[int, bool]:
    """Sends events of now, in every partition, after one that is four minutes ahead; which rows are late?"""
    check = Check(application)
    # The last one lets the two before it leave; itself it stays, and the first until the clock is there.
    for n, ahead in enumerate((timedelta(minutes=4), timedelta(0), timedelta(0), timedelta(seconds=3))):
        now = datetime.now(UTC)
        rows = []
        for partition in range(3):
            made = generator(application.name, seed=3 * n + partition).next(now + ahead)
            event = check.encode(made, now)
            body = with_source(event.body, partition, AHEAD + n)
            rows.append(Valid(partition, event.key.encode(), body))
        send(url, application.name, rows)
        # Event time is told five times a second: now the first one could have moved it.
        time.sleep(0.5 if n < 2 else 3)
    found = collect(url, application.name, EVENTS + 6)
    return {row["source_offset"]: row[LATE] for row in found if row["source_offset"] >= AHEAD}


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_row_is_what_duckdb_says(runs: dict[str, Run], name: str) -> None:
    application, run = APPLICATIONS[name], runs[name]
    assert sum(len(one.timely) for one in runs.values()) >= 200_000
    expected = oracle.expected(application, run.counted)
    assert oracle.wrong(application, run.timely, expected) == []


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_planted_defect_is_seen(runs: dict[str, Run], name: str) -> None:
    """One value off by a little, one row twice, one missing: the comparison must not be blind."""
    application, run = APPLICATIONS[name], runs[name]
    expected = oracle.expected(application, run.counted)
    for one in features(application):
        rows = list(run.timely)
        at = next(n for n, row in enumerate(rows) if row[one.name] is not None)
        rows[at] = rows[at] | {one.name: rows[at][one.name] + 0.001}
        assert len(oracle.wrong(application, rows, expected)) == 1
    rows = run.timely
    assert len(oracle.wrong(application, [*rows[1:], rows[5]], expected)) == 2


@pytest.mark.parametrize("name", APPLICATIONS)
def test_no_valid_event_is_without_its_row(runs: dict[str, Run], name: str) -> None:
    run = runs[name]
    found = [place(row) for row in run.rows]
    assert len(found) == len(set(found)) == EVENTS
    assert set(found) == {place(orjson.loads(body)) for body in run.bodies}


@pytest.mark.parametrize("name", APPLICATIONS)
def test_late_rows_go_around_the_windows(runs: dict[str, Run], name: str) -> None:
    names = [one.name for one in features(APPLICATIONS[name])]
    late = [row for row in runs[name].rows if row[LATE]]
    assert late, "some were sent far behind the others"
    assert all(row[one] is None for row in late for one in names)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_clock_that_is_ahead_makes_no_other_row_late(runs: dict[str, Run], name: str) -> None:
    assert runs[name].ahead == {AHEAD + 1: False, AHEAD + 2: False}


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_row_says_whose_it_is_and_how_old(runs: dict[str, Run], name: str) -> None:
    application, run = APPLICATIONS[name], runs[name]
    events = {place(event): event for event in map(orjson.loads, run.bodies)}
    columns = [KEY, "source_partition", "source_offset", EVENT_TIME]
    columns += [*(one.name for one in features(application)), LATE, AGE]
    for row in run.rows:
        event = events[place(row)]
        assert list(row) == columns
        assert row[KEY] == event[application.key]
        assert row[EVENT_TIME][:19] == event[application.event_time.name][:19]
        assert row[AGE] > 0
