"""From declared windows to Flink SQL: one view per range, stacked, and around them the way of the late rows.

    <app>.valid -> narrow columns -> timely -> last -> 24h -> 1h -> 10m -> features
                                 `-> late -----------------------------> features, all null

Flink takes one range per SELECT, so each range is a view over the one before. The longest comes first:
its state holds the most rows, and there they are narrowest. Pure functions from a declaration to text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import groupby

from core.applications.area import EARTH_RADIUS_KM
from core.declaration import Application, Flag, Leaf, Number, leaves
from core.features import AGE, EVENT_TIME, KEY, LATE, Feature, features
from core.names import SOURCE_OFFSET, SOURCE_PARTITION
from core.windows import (
    Aggregate,
    Count,
    DistanceFromLast,
    Distinct,
    Max,
    Mean,
    Share,
    SinceLast,
    Sum,
    Window,
)

TIME = "rowtime"
"""The event time to the millisecond, which is all that Flink's event time has."""

MILLIONTHS = 1_000_000
"""Sums add whole millionths: adding floats and taking them away again would leave remains."""

BILLIONTHS = 1_000_000_000
"""Places are remembered in whole billionths of a degree, a tenth of a millimetre."""

_IDENTITY = (TIME, SOURCE_PARTITION, SOURCE_OFFSET)

_TIMELY = f"(CURRENT_WATERMARK(`{TIME}`) IS NULL OR `{TIME}` > CURRENT_WATERMARK(`{TIME}`))"

# What the level `last` keeps of the row before.
_LAST = "last_"


def inputs(application: Application) -> dict[str, Leaf]:
    """The leaves, by dotted path, that the windows read; the key is always one of them."""
    paths = {application.key}
    for windowed in application.windows:
        paths.add(windowed.by)
        match windowed:
            case Window(take=take):
                paths |= {one.field for one in take if not isinstance(one, Count)}
            case DistanceFromLast(place=place):
                paths |= {f"{place}.lat", f"{place}.lon"}
    return {path: leaf for path, leaf in leaves(application) if path in paths}


def source_ddl(application: Application, table: str, delay: timedelta, options: Mapping[str, str]) -> str:
    """The topic `valid` as a table that parses the narrow columns only, with event time and watermark."""
    columns = []
    for top, group in groupby(inputs(application).items(), key=lambda item: item[0].partition(".")[0]):
        inner = [(path.partition(".")[2], _sql_type(leaf)) for path, leaf in group]
        nested = ", ".join(f"`{name}` {kind}" for name, kind in inner)
        columns.append(f"`{top}` ROW<{nested}>" if inner[0][0] else f"`{top}` {inner[0][1]}")
    time = application.event_time.name
    columns += [
        f"`{time}` TIMESTAMP_LTZ(6)",
        f"`{SOURCE_PARTITION}` INT",
        f"`{SOURCE_OFFSET}` BIGINT",
        # Cut to milliseconds: a finer time could pass the watermark by less than the windows can see.
        f"`{TIME}` AS CAST(`{time}` AS TIMESTAMP_LTZ(3))",
        f"WATERMARK FOR `{TIME}` AS `{TIME}` - {_interval(delay)}",
    ]
    return _create(table, columns, options)


def sink_ddl(application: Application, table: str, options: Mapping[str, str]) -> str:
    """The topic `features` as a table: the key is the entity, the value holds every column as JSON."""
    columns = [
        f"`{KEY}` STRING",
        f"`{SOURCE_PARTITION}` INT",
        f"`{SOURCE_OFFSET}` BIGINT",
        f"`{EVENT_TIME}` TIMESTAMP_LTZ(3)",
        *(f"`{one.name}` {_feature_type(one)}" for one in features(application)),
        f"`{LATE}` BOOLEAN",
        f"`{AGE}` DOUBLE",
    ]
    return _create(table, columns, options)


def views(application: Application, source: str) -> list[tuple[str, str]]:
    """The stack as (view, query), each over the one before; the first reads `source` and drops late rows."""
    shown = [f"`{name}`" for name in _IDENTITY]
    shown += [f"{_path(path)} AS `{_column(path)}`" for path in inputs(application)]
    stack = [(f"{application.name}.timely", f"SELECT {', '.join(shown)} FROM `{source}` WHERE {_TIMELY}")]  # noqa: S608 - names of declarations
    carried = [*_IDENTITY, *map(_column, inputs(application))]
    for name, by, frame, made in _levels(application):
        columns = [f"`{one}`" for one in carried]
        columns += [f"{expression} OVER w AS `{one}`" for one, expression in made.items()]
        window = f"(PARTITION BY `{by}` ORDER BY `{TIME}`{frame})"
        query = f"SELECT {', '.join(columns)} FROM `{stack[-1][0]}` WINDOW w AS {window}"  # noqa: S608
        stack.append((f"{application.name}.{name}", query))
        carried += made
    return stack


def insert(application: Application, source: str, stack: list[tuple[str, str]], sink: str) -> str:
    """The statement that fills the topic: the rows of the last view, and the late rows of `source`."""
    made = features(application)
    timely = [_result(one) for one in made]
    late = [f"CAST(NULL AS {_feature_type(one)})" for one in made]
    own = f"FROM (SELECT *, {_NOW} FROM `{source}` WHERE NOT {_TIMELY})"  # noqa: S608
    halves = (
        f"{_half(application.key, timely, 'FALSE')} FROM (SELECT *, {_NOW} FROM `{stack[-1][0]}`)",  # noqa: S608
        f"{_half(application.key, late, 'TRUE')} {own}",
    )
    return f"INSERT INTO `{sink}` {' UNION ALL '.join(halves)}"


# A column of its own, so that the clock is read once per row. Flink reads it when the row enters its last
# window, the shortest: it has waited for the watermark in those before.
_NOW = "CURRENT_ROW_TIMESTAMP() AS `now`"


def _half(key: str, columns: list[str], late: str) -> str:
    """One side of the union, in the order of the sink's columns."""
    age = f"CAST({_milliseconds('`now`')} - {_milliseconds(f'`{TIME}`')} AS DOUBLE) / 1000"
    identity = [f"`{key}`", f"`{SOURCE_PARTITION}`", f"`{SOURCE_OFFSET}`"]
    return f"SELECT {', '.join([*identity, f'CAST(`{TIME}` AS TIMESTAMP_LTZ(3))', *columns, late, age])}"


_Level = tuple[str, str, str, dict[str, str]]
"""A view: its name, the entity, the frame, and column -> aggregate."""


def _levels(application: Application) -> Iterator[_Level]:
    # Rows with equal times stand in the order in which they came.
    yield "last", application.key, " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", _last_columns(application)
    ranges: dict[tuple[timedelta, str], dict[str, str]] = {}
    for windowed in application.windows:
        if isinstance(windowed, Window):
            made = ranges.setdefault((windowed.span, windowed.by), {})
            for one in windowed.take:
                made |= _parts(windowed, one)
    for (span, by), made in sorted(ranges.items(), reverse=True):
        frame = f" RANGE BETWEEN {_interval(span)} PRECEDING AND CURRENT ROW"
        yield _stem(by, span), by, frame, made


def _last_columns(application: Application) -> dict[str, str]:
    """Sums over the row before and this one, in whole units: LAG would give rows of equal time one answer."""
    columns = {f"{_LAST}rows": "COUNT(*)"}
    for windowed in application.windows:
        match windowed:
            case SinceLast():
                columns[f"{_LAST}ms"] = f"SUM({_milliseconds(f'`{TIME}`')})"
            case DistanceFromLast(place=place):
                for one in ("lat", "lon"):
                    column = _column(f"{place}.{one}")
                    columns[f"{_LAST}{column}"] = f"SUM({_nanodegrees(column)})"
    return columns


def _parts(window: Window, aggregate: Aggregate) -> dict[str, str]:
    """The columns from which a feature is made, each an aggregate that Flink can take rows back from."""
    stem = _stem(window.by, window.span)
    match aggregate:
        case Count():
            return {f"{stem}_rows": "COUNT(*)"}
        case Sum(field=field):
            return {f"{stem}_sum_{_column(field)}": _sum(field)}
        case Mean(field=field):
            column = _column(field)
            return {f"{stem}_sum_{column}": _sum(field), f"{stem}_filled_{column}": f"COUNT(`{column}`)"}
        case Max(field=field):
            return {f"{stem}_max_{_column(field)}": f"MAX(`{_column(field)}`)"}
        case Distinct(field=field):
            return {f"{stem}_distinct_{_column(field)}": f"COUNT(DISTINCT `{_column(field)}`)"}
        case Share():
            return {
                f"{stem}_rows": "COUNT(*)",
                _matches(stem, aggregate): f"COUNT(CASE WHEN {_condition(aggregate)} THEN 1 END)",
            }


def _result(feature: Feature) -> str:
    """A feature from the columns of the stack."""
    match feature.windowed, feature.aggregate:
        case SinceLast(), _:
            elapsed = f"2 * {_milliseconds(f'`{TIME}`')} - `{_LAST}ms`"
            return _if_not_first(f"CAST({elapsed} AS DOUBLE) / 1000")
        case DistanceFromLast(place=place), _:
            return _if_not_first(_kilometres(_column(f"{place}.lat"), _column(f"{place}.lon")))
        case Window(by=by, span=span) as window, aggregate if aggregate is not None:
            stem = _stem(by, span)
            match aggregate:
                case Mean(field=field):
                    total, rows = f"{stem}_sum_{_column(field)}", f"{stem}_filled_{_column(field)}"
                    return f"CAST(`{total}` AS DOUBLE) / {MILLIONTHS} / NULLIF(`{rows}`, 0)"
                case Sum(field=field):
                    return f"CAST(`{stem}_sum_{_column(field)}` AS DOUBLE) / {MILLIONTHS}"
                case Share():
                    return f"CAST(`{_matches(stem, aggregate)}` AS DOUBLE) / `{stem}_rows`"
                case Max():
                    (column,) = _parts(window, aggregate)
                    return f"CAST(`{column}` AS DOUBLE)"
                case _:
                    (column,) = _parts(window, aggregate)
                    return f"`{column}`"
    raise TypeError(f"no SQL for {feature}")


def _sum(field: str) -> str:
    return f"SUM(CAST(ROUND(CAST(`{_column(field)}` AS DOUBLE) * {MILLIONTHS}) AS BIGINT))"


def _matches(stem: str, share: Share) -> str:
    return f"{stem}_{_column(share.field)}_is_{share.value}"


def _condition(share: Share) -> str:
    if isinstance(share.value, bool):
        return f"`{_column(share.field)}` IS {str(share.value).upper()}"
    quoted = share.value.replace("'", "''")
    return f"`{_column(share.field)}` = '{quoted}'"


def _if_not_first(value: str) -> str:
    return f"CASE WHEN `{_LAST}rows` > 1 THEN {value} END"


def _kilometres(lat: str, lon: str) -> str:
    """Great-circle distance from the last place; the formula of `core.applications.area.haversine_km`."""
    before = f"RADIANS(CAST(`{_LAST}{lat}` - {_nanodegrees(lat)} AS DOUBLE) / {BILLIONTHS})"
    half_lat = f"SIN((RADIANS(`{lat}`) - {before}) / 2)"
    lon_before = f"RADIANS(CAST(`{_LAST}{lon}` - {_nanodegrees(lon)} AS DOUBLE) / {BILLIONTHS})"
    half_lon = f"SIN((RADIANS(`{lon}`) - {lon_before}) / 2)"
    cosines = f"COS({before}) * COS(RADIANS(`{lat}`))"
    chord = f"SQRT({half_lat} * {half_lat} + {cosines} * {half_lon} * {half_lon})"
    # Rounding may carry the chord of opposite points past 1, where the arc sine is not a number.
    return f"2 * {EARTH_RADIUS_KM} * ASIN(LEAST(1E0, {chord}))"


def _nanodegrees(column: str) -> str:
    return f"CAST(ROUND(`{column}` * {BILLIONTHS}) AS BIGINT)"


def _milliseconds(time: str) -> str:
    """Milliseconds since 1970 of a TIMESTAMP_LTZ(3), as BIGINT."""
    return f"(EXTRACT(EPOCH FROM {time}) * 1000 + EXTRACT(MILLISECOND FROM CAST({time} AS TIMESTAMP(3))))"


def _interval(span: timedelta) -> str:
    """An interval literal: days, hours, minutes, seconds with milliseconds."""
    milliseconds = span // timedelta(milliseconds=1)
    seconds, rest = divmod(milliseconds, 1000)
    clock = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"
    return f"INTERVAL '{seconds // 86400} {clock}' DAY(3) TO SECOND(3)"


def _stem(by: str, span: timedelta) -> str:
    return f"{by}_{span // timedelta(seconds=1)}s"


def _column(path: str) -> str:
    return path.replace(".", "_")


def _path(path: str) -> str:
    return ".".join(f"`{part}`" for part in path.split("."))


def _sql_type(leaf: Leaf) -> str:
    match leaf:
        case Number(integer=integer):
            return "BIGINT" if integer else "DOUBLE"
        case Flag():
            return "BOOLEAN"
        case _:
            return "STRING"


def _feature_type(feature: Feature) -> str:
    return "BIGINT" if feature.integer else "DOUBLE"


def _create(table: str, columns: list[str], options: Mapping[str, str]) -> str:
    pairs = ", ".join("'{}' = '{}'".format(name, value.replace("'", "''")) for name, value in options.items())
    return f"CREATE TABLE `{table}` ({', '.join(columns)}) WITH ({pairs})"
