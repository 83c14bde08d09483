"""The job `features` on a real broker and Flink, against DuckDB over the same rows: none may differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from core.applications import APPLICATIONS
from core.features import AGE, EVENT_TIME, KEY, LATE, features
from core.names import Job
from tests.e2e import oracle
from tests.e2e.features import close, cluster, collect, send, stream, submit

pytestmark = pytest.mark.e2e

EVENTS = 70_000
"""Per application: more than 200,000 rows in all."""

DAYS = 3.0


@dataclass(frozen=True)
class Run:
    """What went in, and what came out."""

    bodies: list[bytes]
    rows: list[dict[str, Any]]

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
    return {name: Run([row.body for row in sent[name]], found[name]) for name in APPLICATIONS}


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
