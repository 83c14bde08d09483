"""What each level of the features' stack takes from the rows of its frame, and what it makes of that.

    columns of the level below -> aggregates over the frame -> results, under the names of features

Flink keeps a frame's rows in its state and takes the leaving ones back from the aggregates, so these are
whole numbers wherever floats would leave remains. Pure functions from a declaration to SQL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from core.applications.area import EARTH_RADIUS_KM
from core.declaration import Application
from core.features import Feature, features
from core.windows import Count, DistanceFromLast, Distinct, Max, Mean, Share, SinceLast, Sum, Switches, Window

TIME = "rowtime"
"""The event time to the millisecond, which is all that Flink's event time has."""

MILLIONTHS = 1_000_000
"""Sums add whole millionths: adding floats and taking them away again would leave remains."""

BILLIONTHS = 1_000_000_000
"""Places are remembered in whole billionths of a degree, a tenth of a millimetre."""

_PAIR = " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW"
"""The row before and this one; rows with equal times stand in the order in which they came."""


@dataclass(frozen=True, slots=True)
class Level:
    """One OVER window: its frame, what it reads, takes and makes. Columns are named as `column` does."""

    name: str
    by: tuple[str, ...]
    frame: str
    reads: set[str] = field(default_factory=set)
    takes: dict[str, str] = field(default_factory=dict)
    """Column -> aggregate over the frame."""
    makes: dict[str, str] = field(default_factory=dict)
    """Feature, or column that a level above reads -> expression over what was read and taken."""

    def add(self, reads: tuple[str, ...], takes: dict[str, str], name: str, expression: str) -> None:
        """One more result."""
        self.reads.update(reads)
        self.takes.update(takes)
        self.makes[name] = expression


def levels(application: Application) -> list[Level]:
    """The stack from below: rows before, then ranges, the longest first: its many rows are narrowest."""
    pairs: dict[tuple[str, ...], Level] = {}
    ranges: dict[tuple[timedelta, str], Level] = {}
    for feature in features(application):
        match feature.windowed:
            case SinceLast() | DistanceFromLast():
                _add_to_pair(_pair(pairs, application.key, application.key), feature)
            case Window(by=by, span=span):
                if isinstance(feature.aggregate, Switches):
                    _add_switch(_pair(pairs, application.key, by), feature.aggregate.field)
                frame = f" RANGE BETWEEN {interval(span)} PRECEDING AND CURRENT ROW"
                name = f"{by}_{span // timedelta(seconds=1)}s"
                level = ranges.setdefault((span, by), Level(name, (by,), frame))
                level.add(*_windowed(feature, by))
    return [*pairs.values(), *(ranges[one] for one in sorted(ranges, reverse=True))]


def column(path: str) -> str:
    """The column of a leaf by its dotted path."""
    return path.replace(".", "_")


def interval(span: timedelta) -> str:
    """An interval literal: days, hours, minutes, seconds with milliseconds."""
    milliseconds = span // timedelta(milliseconds=1)
    seconds, rest = divmod(milliseconds, 1000)
    clock = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"
    return f"INTERVAL '{seconds // 86400} {clock}' DAY(3) TO SECOND(3)"


def milliseconds(time: str) -> str:
    """Milliseconds since 1970 of a TIMESTAMP_LTZ(3), as BIGINT."""
    return f"(EXTRACT(EPOCH FROM {time}) * 1000 + EXTRACT(MILLISECOND FROM CAST({time} AS TIMESTAMP(3))))"


# Rows before. Sums over the pair, less the row's own: LAG would give all rows of one time the same answer.


def _pair(pairs: dict[tuple[str, ...], Level], key: str, by: str) -> Level:
    entity = tuple(dict.fromkeys((key, by)))  # order is kept for the key, so it is always part
    return pairs.setdefault(entity, Level(f"last_{by}", entity, _PAIR))


def _add_to_pair(level: Level, feature: Feature) -> None:
    takes = {"pair": "COUNT(*)"}
    match feature.windowed:
        case SinceLast():
            own = milliseconds(f"`{TIME}`")
            takes["pair_ms"] = f"SUM({own})"
            level.add((), takes, feature.name, _if_not_first(f"CAST(2 * {own} - `pair_ms` AS DOUBLE) / 1000"))
        case DistanceFromLast(place=place):
            both = column(f"{place}.lat"), column(f"{place}.lon")
            takes |= {f"pair_{one}": f"SUM({_nanodegrees(one)})" for one in both}
            level.add(both, takes, feature.name, _if_not_first(_kilometres(*both)))


def _add_switch(level: Level, path: str) -> None:
    taken, read = f"pair_values_{column(path)}", column(path)
    level.add((read,), {taken: f"COUNT(DISTINCT `{read}`)"}, _switch(path, level.by[-1]), f"`{taken}` > 1")


def _switch(path: str, by: str) -> str:
    return f"switch_{column(path)}_{by}"


def _if_not_first(value: str) -> str:
    return f"CASE WHEN `pair` > 1 THEN {value} END"


def _kilometres(lat: str, lon: str) -> str:
    """Great-circle distance from the last place; the formula of `core.applications.area.haversine_km`."""
    before = f"RADIANS(CAST(`pair_{lat}` - {_nanodegrees(lat)} AS DOUBLE) / {BILLIONTHS})"
    half_lat = f"SIN((RADIANS(`{lat}`) - {before}) / 2)"
    lon_before = f"RADIANS(CAST(`pair_{lon}` - {_nanodegrees(lon)} AS DOUBLE) / {BILLIONTHS})"
    half_lon = f"SIN((RADIANS(`{lon}`) - {lon_before}) / 2)"
    cosines = f"COS({before}) * COS(RADIANS(`{lat}`))"
    chord = f"SQRT({half_lat} * {half_lat} + {cosines} * {half_lon} * {half_lon})"
    # Rounding may carry the chord of opposite points past 1, where the arc sine is not a number.
    return f"2 * {EARTH_RADIUS_KM} * ASIN(LEAST(1E0, {chord}))"


def _nanodegrees(one: str) -> str:
    return f"CAST(ROUND(`{one}` * {BILLIONTHS}) AS BIGINT)"


# Ranges.


def _windowed(feature: Feature, by: str) -> tuple[tuple[str, ...], dict[str, str], str, str]:
    """What a feature reads and takes, its name and the expression that makes it."""
    match feature.aggregate:
        case Count():
            return (), {"rows": "COUNT(*)"}, feature.name, "`rows`"
        case Sum(field=path):
            total = _total(path)
            return (column(path),), total, feature.name, _unscaled(path)
        case Mean(field=path):
            filled = f"filled_{column(path)}"
            takes = _total(path) | {filled: f"COUNT(`{column(path)}`)"}
            return (column(path),), takes, feature.name, f"{_unscaled(path)} / NULLIF(`{filled}`, 0)"
        case Max(field=path):
            taken = f"max_{column(path)}"
            takes = {taken: f"MAX(`{column(path)}`)"}
            return (column(path),), takes, feature.name, f"CAST(`{taken}` AS DOUBLE)"
        case Distinct(field=path):
            taken = f"distinct_{column(path)}"
            return (column(path),), {taken: f"COUNT(DISTINCT `{column(path)}`)"}, feature.name, f"`{taken}`"
        case Share(field=path) as share:
            taken = f"{column(path)}_is_{share.value}"
            takes = {"rows": "COUNT(*)", taken: _count_if(_condition(share))}
            return (column(path),), takes, feature.name, f"CAST(`{taken}` AS DOUBLE) / `rows`"
        case Switches(field=path):
            read = _switch(path, by)
            taken = f"count_{read}"
            return (read,), {taken: _count_if(f"`{read}`")}, feature.name, f"`{taken}`"
    raise TypeError(f"no SQL for {feature}")


def _total(path: str) -> dict[str, str]:
    scaled = f"CAST(ROUND(CAST(`{column(path)}` AS DOUBLE) * {MILLIONTHS}) AS BIGINT)"
    return {f"sum_{column(path)}": f"SUM({scaled})"}


def _unscaled(path: str) -> str:
    return f"CAST(`sum_{column(path)}` AS DOUBLE) / {MILLIONTHS}"


def _count_if(condition: str) -> str:
    return f"COUNT(CASE WHEN {condition} THEN 1 END)"


def _condition(share: Share) -> str:
    if isinstance(share.value, bool):
        return f"`{column(share.field)}` IS {str(share.value).upper()}"
    quoted = share.value.replace("'", "''")
    return f"`{column(share.field)}` = '{quoted}'"
