"""Windowed features per second through the Flink job, against DuckDB over the same rows in one batch."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from core.applications import APPLICATIONS
from core.connect.kafka import admin
from core.connect.supervisor import parts
from core.features import LATE
from core.names import Job, Stream, topic
from infra.local.broker import end_offsets
from tests.e2e import oracle
from tests.e2e.features import Valid, close, cluster, collect, send, stream, submit

BASELINE = "DuckDB, all rows in one batch, all cores; loading from JSON not counted"

EVENTS_PER_SECOND = 5.0
"""How dense the preloaded stream is in event time: it decides how many rows a window holds."""

LONGEST_S = 3600

_ROOM = {"rocksdb": {}, "hashmap": {"MILLRACE_FLINK__TASKMANAGER_MIB": "3584"}}
"""On the heap lie all rows of a day, some 300 bytes each."""

Found = dict[str, list[dict[str, Any]]]


def measure(events: int, state: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Figures over all applications together: `events` of each are preloaded, then the job is started.

    The rate counts from the moment all tasks run; the JVM compiles the job meanwhile. `warm_rows_per_s`
    counts the second half of the rows.
    """
    days = events / EVENTS_PER_SECOND / 86_400
    sent = {}
    for name, application in APPLICATIONS.items():
        say(f"{name}: making {events} events over {days:.1f} days")
        sent[name] = stream(application, events, days)
    total = events * len(APPLICATIONS)
    with (
        tempfile.TemporaryDirectory() as folder,
        cluster(Path(folder) / "s", {"MILLRACE_FLINK__STATE": state} | _ROOM[state]) as stack,
    ):
        for name, rows in sent.items():
            send(stack.read.broker.url, name, rows)
            close(stack.read.broker.url, APPLICATIONS[name], rows)
        say(f"the job starts, state in {state}")
        submit(stack, Job.FEATURES)
        cpu = stack.cpu_seconds("taskmanager")
        seconds, second_half = _watch(stack.read.broker.url, total, say)
        cpu = stack.cpu_seconds("taskmanager") - cpu
        memory = {name: one.rss_mb for name, one in parts(stack.var).items() if one.rss_mb}
        found = {name: collect(stack.read.broker.url, name, events, seconds=600) for name in APPLICATIONS}
    return {
        "rows_per_s": round(total / seconds),
        "warm_rows_per_s": round(total / 2 / second_half),
        "cpu_us_per_row": round(1e6 * cpu / total, 1),
        "state": state,
        "events_per_s_of_event_time": EVENTS_PER_SECOND,
        "taskmanager_rss_mb": round(memory["taskmanager"]),
    } | _checked(sent, found, say)


def _watch(url: str, rows: int, say: Callable[[str], None]) -> tuple[float, float]:
    """Seconds until the topics hold so many rows, and seconds that the second half took."""
    client, began, half = admin(url), time.monotonic(), 0.0
    topics = [topic(name, Stream.FEATURES) for name in APPLICATIONS]
    said = 0
    while True:
        written, now = end_offsets(client, topics), time.monotonic() - began
        if written >= rows / 2 and not half:
            half = now
        if written >= rows:  # with the marks of transactions, one in thousands
            return now, now - half
        if written - said >= rows / 10:
            say(f"{written:>9} rows after {now:4.0f} s")
            said = written
        if now > LONGEST_S:
            raise TimeoutError(f"{written} of {rows} rows after {now:.0f} s")
        time.sleep(0.25)


def _checked(sent: dict[str, list[Valid]], found: Found, say: Callable[[str], None]) -> dict[str, Any]:
    wrong = checked = late = 0
    seconds = 0.0
    for name, application in APPLICATIONS.items():
        behind = {(row["source_partition"], row["source_offset"]) for row in found[name] if row[LATE]}
        bodies = [row.body for row in sent[name]]
        if behind:
            events = map(orjson.loads, bodies)
            places = [(event["source_partition"], event["source_offset"]) for event in events]
            bodies = [body for body, place in zip(bodies, places, strict=True) if place not in behind]
        timely = [row for row in found[name] if not row[LATE]]
        with oracle.connection(application, bodies) as database:
            began = time.monotonic()
            expected = database.sql(oracle.query(application)).to_arrow_table()
            seconds += time.monotonic() - began
        problems = oracle.wrong(application, timely, expected)
        for problem in problems[:3]:
            say(f"{name}: {problem}")
        wrong, checked, late = wrong + len(problems), checked + len(timely), late + len(behind)
    return {
        "wrong_rows": wrong,
        "rows_checked": checked,
        "late_rows": late,
        "baseline_rows_per_s": round(checked / seconds),
    }
