"""From declared windows to Flink SQL: one view per range, stacked, and around them the way of the late rows.

    <app>.valid -> narrow columns -> timely -> last -> 24h -> 1h -> 10m -> features
                                 `-> late -----------------------------> features, all null

Flink takes one range per SELECT, so each range is a view over the one before. The longest comes first:
its state holds the most rows, and there they are narrowest. Pure functions from a declaration to text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import groupby

from core.declaration import Application, Flag, Leaf, Number, leaves
from core.features import AGE, EVENT_TIME, KEY, LATE, Feature, features
from core.names import SOURCE_OFFSET, SOURCE_PARTITION
from core.windows import Count, DistanceFromLast, Window
from flink_jobs.aggregates import TIME, Level, column, interval, levels, milliseconds

ARRIVED = "arrived"
"""When the broker took the valid row: event time does not run ahead of it."""

_IDENTITY = (TIME, SOURCE_PARTITION, SOURCE_OFFSET)

_TIMELY = f"(CURRENT_WATERMARK(`{TIME}`) IS NULL OR `{TIME}` > CURRENT_WATERMARK(`{TIME}`))"


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
        f"`{ARRIVED}` TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL",
        # A producer's clock that is ahead, which validation allows by minutes, must not make all others late.
        f"WATERMARK FOR `{TIME}` AS LEAST(`{TIME}`, `{ARRIVED}`) - {interval(delay)}",
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
    """The stack as (view, query), each over the one before; the first reads `source` and drops late rows.

    A level hands on its results and, of what came from below, only what a level above reads: every row of a
    range is kept in the state, in full.
    """
    shown = [f"`{name}`" for name in _IDENTITY]
    shown += [f"{_path(path)} AS `{column(path)}`" for path in inputs(application)]
    stack = [(f"{application.name}.timely", f"SELECT {', '.join(shown)} FROM `{source}` WHERE {_TIMELY}")]  # noqa: S608 - names of declarations
    made = {one.name for one in features(application)}
    above = levels(application)
    columns = [column(path) for path in inputs(application)]
    while above:
        level = above.pop(0)
        wanted = made | {application.key}.union(*({*one.by} | one.reads for one in above))
        kept = [one for one in columns if one in wanted]
        inner = [*_IDENTITY, *(one for one in columns if one in wanted | level.reads | {*level.by})]
        stack.append((f"{application.name}.{level.name}", _level_query(level, inner, kept, stack[-1][0])))
        columns = [*kept, *level.makes]
    return stack


def _level_query(level: Level, inner: list[str], kept: list[str], below: str) -> str:
    """A level over the view `below`: its window sees the columns `inner`, and `kept` ones are handed on."""
    window = f"(PARTITION BY {_names(level.by)} ORDER BY `{TIME}`{level.frame})"
    taken = [f"{expression} OVER w AS `{name}`" for name, expression in level.takes.items()]
    frame = f"SELECT {', '.join([_names(inner), *taken])} FROM `{below}` WINDOW w AS {window}"  # noqa: S608
    makes = [f"{expression} AS `{name}`" for name, expression in level.makes.items()]
    return f"SELECT {', '.join([_names([*_IDENTITY, *kept]), *makes])} FROM ({frame})"  # noqa: S608


def insert(application: Application, source: str, stack: list[tuple[str, str]], sink: str) -> str:
    """The statement that fills the topic: the rows of the last view, and the late rows of `source`."""
    made = features(application)
    timely = [f"`{one.name}`" for one in made]
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
    age = f"CAST({milliseconds('`now`')} - {milliseconds(f'`{TIME}`')} AS DOUBLE) / 1000"
    identity = [f"`{key}`", f"`{SOURCE_PARTITION}`", f"`{SOURCE_OFFSET}`"]
    return f"SELECT {', '.join([*identity, f'CAST(`{TIME}` AS TIMESTAMP_LTZ(3))', *columns, late, age])}"


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f"`{one}`" for one in columns)


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
