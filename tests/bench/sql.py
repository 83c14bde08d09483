"""SQL over a large table: one of the declaration's own GROUP BY queries, in the engine and through HTTP.

events of the generator, drawn again and again -> Delta, a file per day as compaction leaves them
    -> a worker's engine -> group_by_ms
    -> POST /api/v1/sql/query on loopback -> api_ms
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from core.applications import APPLICATIONS
from core.declaration import Application
from core.names import EVENT_DATE, SOURCE_OFFSET, SOURCE_PARTITION, Table, table_path
from core.schemas import events_schema
from tests.bench.streams import BEGAN, stream
from tests.serving.conftest import Api, eventually, make_settings, serving

BASELINE = (
    "the earlier system's way, in the same run: a fresh in-memory connection per query, the table's files "
    "listed from its log each time, `data` replaced by a scan of them in the text, nothing kept"
)

DAYS = 14
DRAWN = 20_000
"""Different events; the table's rows are drawn from them."""

Say = Callable[[str], None]


def measure(rows: int, repeats: int, say: Say) -> dict[str, Any]:
    """Medians in milliseconds."""
    application, title, sql = grouping()
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        lake = Path(folder) / "lake"
        uri = f"{lake}/{table_path(application.name, Table.EVENTS)}"
        say(f"{application.name}: writing {rows} rows")
        fill(uri, application, rows)
        figures: dict[str, Any] = {"query": f"{application.name}: {title}", "rows": rows}
        figures["files"] = len(DeltaTable(uri).file_uris())
        with serving(make_settings(Path(folder)), background=True) as api:
            figures |= _asked(api, application.name, sql, repeats, say)
        say("baseline")
        figures["reference_ms"] = _median(lambda: _reference(uri, sql), repeats)
    figures["ratio"] = round(figures["reference_ms"] / figures["group_by_ms"], 1)
    return figures


def grouping() -> tuple[Application, str, str]:
    """The first declared query that groups rows."""
    for application in APPLICATIONS.values():
        for query in application.queries:
            if "GROUP BY" in query.sql:
                return application, query.title, query.sql
    raise LookupError("no application declares a query with GROUP BY")


def fill(uri: str, application: Application, rows: int) -> None:
    """Writes the table day by day: rows drawn from the generator's events, times and offsets in order."""
    schema = events_schema(application)
    events, _ = stream(application.name, min(rows, DRAWN), 1.0)
    time_name = application.event_time.name
    rows_drawn = [one | {time_name: datetime.fromisoformat(one[time_name])} for one in events]
    drawn = pa.Table.from_pylist(rows_drawn, schema=schema)
    random = np.random.default_rng(0)
    for day, part in enumerate(np.array_split(np.arange(rows), DAYS)):
        table = drawn.take(pa.array(random.integers(0, len(events), len(part))))
        start = BEGAN + timedelta(days=day)
        times = np.datetime64(start.replace(tzinfo=None), "us") + np.linspace(
            0, 86_399e6, len(part), dtype="int64"
        ).astype("timedelta64[us]")
        new = {
            time_name: times,
            SOURCE_PARTITION: np.zeros(len(part), dtype="int32"),
            SOURCE_OFFSET: part,
            EVENT_DATE: np.full(len(part), start.date(), dtype="datetime64[D]"),
        }
        for name, values in new.items():
            at = schema.get_field_index(name)
            table = table.set_column(at, schema.field(at), pa.array(values).cast(schema.field(at).type))
        write_deltalake(uri, table, mode="append", partition_by=[EVENT_DATE])


def _asked(api: Api, name: str, sql: str, repeats: int, say: Say) -> dict[str, Any]:
    body = {"application": name, "sql": sql}

    def ask() -> dict[str, Any]:
        answer = api.post("/api/v1/sql/query", json=body)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    eventually(lambda: api.post("/api/v1/sql/query", json=body | {"sql": "SELECT 1"}).is_success, 60)
    say("first query, then warm ones")
    first = ask()
    for _ in range(4):  # both workers have seen the table
        ask()
    engine, whole = [], []
    for _ in range(repeats):
        started = time.perf_counter()
        engine.append(ask()["elapsed_ms"])
        whole.append((time.perf_counter() - started) * 1000)
    return {
        "group_by_ms": round(median(engine), 1),
        "api_ms": round(median(whole), 1),
        "api_worst_ms": round(max(whole), 1),
        "first_group_by_ms": round(first["elapsed_ms"], 1),
    }


def _median(work: Callable[[], object], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return round(median(taken), 1)


def _reference(uri: str, sql: str) -> list[Any]:
    files = DeltaTable(uri).file_uris()
    scan = f"FROM read_parquet({files!r}, hive_partitioning = true) AS data"
    with duckdb.connect(":memory:") as connection:
        return connection.execute(sql.replace("FROM data", scan)).fetchall()
