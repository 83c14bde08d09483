"""The declared features once more, in DuckDB over the whole stream: what the Flink job is checked against.

Written from the declaration's meaning, not from the job's SQL: floats where the job adds integers, LAG where
it takes sums, distances by `haversine_km`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from core.applications.area import haversine_km
from core.declaration import Application
from core.features import Feature, features
from core.windows import Count, DistanceFromLast, Distinct, Max, Mean, Share, SinceLast, Sum, Switches, Window

TOLERANCE = 1e-6
"""Relative, and absolute below 1: far below any unit, far above the last bits of a float."""

Rows = list[dict[str, Any]]


def expected(application: Application, bodies: Sequence[bytes]) -> pa.Table:
    """A row per event, with its source and every feature; `bodies` in the order of their offsets."""
    with connection(application, bodies) as database:
        return pa.table(database.sql(query(application)).to_arrow_table())


def connection(application: Application, bodies: Sequence[bytes]) -> duckdb.DuckDBPyConnection:
    """A database with the events in the table `events`, their time cut to milliseconds as `ms`."""
    database = duckdb.connect()
    database.create_function("km", _km, ["DOUBLE"] * 4, "DOUBLE")
    loaded = pa.Table.from_pylist([orjson.loads(body) for body in bodies])
    database.register("loaded", loaded)
    time = application.event_time.name
    moment = f"date_trunc('milliseconds', \"{time}\"::TIMESTAMPTZ)"
    database.execute(f"CREATE TABLE events AS SELECT *, {moment} AS ms FROM loaded")  # noqa: S608
    return database


def query(application: Application) -> str:
    """The features of every event as one SELECT."""
    columns = [f'{_sql(application, one)} AS "{one.name}"' for one in features(application)]
    switches = [
        f'"{field}" <> lag("{field}") {_order(application.key, one.windowed.by)} AS "{_switch(one, field)}"'
        for one in features(application)
        if isinstance(one.windowed, Window) and isinstance(one.aggregate, Switches)
        for field in (one.aggregate.field,)
    ]
    rows = f"(SELECT {', '.join(['*', *switches])} FROM events)"  # noqa: S608
    return f"SELECT source_partition, source_offset, {', '.join(columns)} FROM {rows}"  # noqa: S608


def _order(*entity: str) -> str:
    named = ", ".join(f'"{one}"' for one in entity)
    return f"OVER (PARTITION BY {named} ORDER BY ms, source_partition, source_offset)"


def _switch(feature: Feature, field: str) -> str:
    return f"{feature.name}:{field}"


def _km(lat: float, lon: float, last_lat: float | None, last_lon: float | None) -> float | None:
    if last_lat is None or last_lon is None:
        return None
    return haversine_km({"lat": last_lat, "lon": last_lon}, {"lat": lat, "lon": lon})


def _sql(application: Application, feature: Feature) -> str:
    order = _order(application.key)
    match feature.windowed:
        case SinceLast():
            return f"(epoch_ms(ms) - lag(epoch_ms(ms)) {order}) / 1000.0"
        case DistanceFromLast(place=place):
            last = f"lag({place}.lat) {order}, lag({place}.lon) {order}"
            return f"km({place}.lat, {place}.lon, {last})"
        case Window(by=by, span=span):
            seconds = span.total_seconds()
            frame = f"RANGE BETWEEN INTERVAL {seconds} SECONDS PRECEDING AND CURRENT ROW"
            return f'{_aggregate(feature)} OVER (PARTITION BY "{by}" ORDER BY ms {frame})'


def _aggregate(feature: Feature) -> str:
    match feature.aggregate:
        case Count():
            return "count(*)"
        case Sum(field=field):
            return f"sum({field})"
        case Mean(field=field):
            return f"avg({field})"
        case Max(field=field):
            return f"max({field})"
        case Distinct(field=field):
            return f"count(DISTINCT {field})"
        case Share(field=field, value=value):
            text = str(value).replace("'", "''")
            return f"avg(CASE WHEN {field} = '{text}' THEN 1 ELSE 0 END)"
        case Switches(field=field):
            return f'count(*) FILTER (WHERE "{_switch(feature, field)}")'
    raise TypeError(f"no aggregate in {feature}")


def wrong(application: Application, found: Rows, rows: pa.Table) -> list[str]:
    """A sentence for each row that is missing, double, or has a value unlike the expected one."""
    wanted = {(row["source_partition"], row["source_offset"]): row for row in rows.to_pylist()}
    names = [one.name for one in features(application)]
    problems = []
    for row in found:
        place = row["source_partition"], row["source_offset"]
        other = wanted.pop(place, None)
        if other is None:
            problems.append(f"{place} is there twice, or should not be there")
            continue
        unlike = [name for name in names if not _same(row[name], other[name])]
        if unlike:
            shown = ", ".join(f"{name} is {row[name]}, not {other[name]}" for name in unlike)
            problems.append(f"{place}: {shown}")
    return problems + [f"{place} is missing" for place in wanted]


def _same(found: float | None, wanted: float | None) -> bool:
    if found is None or wanted is None:
        return found is wanted
    return abs(found - wanted) <= TOLERANCE * max(1.0, abs(wanted))
