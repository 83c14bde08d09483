"""Which rows of the history a data set holds: all whose label is known by now, a share, or a number of them.

Rows (asked), event times and label delays -> a condition in SQL, and from which time on files are read

"Now" is the newest event time of the table. Random rows are those with the smallest seeded hash of their
source partition and offset: the same in whatever order files and threads bring them. Of a clustering entities
are drawn, each with all that it did.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

import duckdb
import numpy as np

from batch.history import MILLISECOND, BadData, File, Pinned, moment, named, view
from batch.parts import Moments, Parts, latest
from core.batch import Rows, Take
from core.declaration import Application, Clustering
from core.names import SOURCE_OFFSET, SOURCE_PARTITION
from core.settings import DELIMITER, PREFIX

EVENTS = "events"
"""The view of the events, in the DuckDB of a load."""

DRAWN = "drawn"
"""The table of what was drawn, in the DuckDB of a load: places of rows, or entities."""

PLACE = f"{SOURCE_PARTITION}, {SOURCE_OFFSET}"
"""The identity of a row."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Rows of the view `events` in SQL; none of them lies before `start`."""

    where: str
    how: str
    """Which rows these are, for a person."""
    start: int | None = None
    drawn_by: str = ""
    """The columns that it shares with the table `drawn`; empty: nothing was drawn."""

    @property
    def rows(self) -> str:
        """What follows FROM."""
        drawn = f" SEMI JOIN {DRAWN} USING ({self.drawn_by})" if self.drawn_by else ""
        return f"{EVENTS}{drawn} WHERE {self.where}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of which table."""

    application: Application
    events: Pinned
    rows: Rows
    most: int
    apart: bool
    """The parts of a split have room between them, in which labels become known."""
    since: int | None

    @property
    def time(self) -> str:
        """The event time in SQL, microseconds since 1970."""
        return f"epoch_us({named(self.events.time)})"

    @property
    def known_at(self) -> str:
        """When the label is known, in SQL, microseconds since 1970."""
        delay = self.application.label_delay
        if isinstance(delay, timedelta):
            return f"{self.time} + {delay // timedelta(microseconds=1)}"
        return f"{self.time} + CAST(round({named(delay)} * 1000000) AS BIGINT)"

    def known(self, now: int) -> str:
        """Which rows have a label by now, in SQL."""
        parts = [f"{self.known_at} <= {now}"]
        task = self.application.task
        needed = (task.entity, task.session) if isinstance(task, Clustering) else (task.label,)
        parts += [f"{named(name)} IS NOT NULL" for name in needed]
        if self.since is not None:
            parts.append(f"{named(self.events.time)} >= {timestamp(self.since)}")
        return " AND ".join(parts)

    def wanted(self, available: int) -> int:
        """How many rows that is; raises BadData when they are too many for one data set."""
        match self.rows.take:
            case Take.ALL:
                wanted = available
            case Take.PERCENT:
                wanted = ceil(available * self.rows.amount / 100)
            case _:
                wanted = min(int(self.rows.amount), available)
        if wanted > self.most:
            raise BadData(
                f"{wanted:,} {self.application.noun} are asked, and a data set holds at most {self.most:,} "
                f"({PREFIX}BATCH{DELIMITER}MOST_ROWS): ask for a number or a smaller percentage"
            )
        return wanted


def timestamp(us: int) -> str:
    """A time in SQL, in the type of the column: row groups are skipped by it."""
    return f"make_timestamptz({us})"


def choose(connection: duckdb.DuckDBPyConnection, asked: Asked) -> Choice:
    """The rows that are asked; raises BadData when the table is empty or too much is asked."""
    application, rows = asked.application, asked.rows
    if not asked.events.rows:
        raise BadData(f"the table of {application.name}'s events is empty: nothing was stored yet")
    now = _now(connection, asked.events)
    if rows.take == Take.RECENT:
        return _recent(connection, asked, now)
    view(connection, EVENTS, asked.events, asked.events.since(asked.since))
    known = asked.known(now)
    [(available,)] = connection.execute(f"SELECT count(*) FROM {EVENTS} WHERE {known}").fetchall()  # noqa: S608 - names are declared
    wanted = asked.wanted(available)
    told = f"{available:,} {application.noun} whose label is known by {_clock(now)}"
    if wanted == available:
        return Choice(known, f"all {told}", asked.since)
    if isinstance(application.task, Clustering):
        entities = _draw_entities(connection, asked, known, wanted)
        how = f"all that {entities:,} random {application.task.entity} did (seed {rows.seed}), of {told}"
        return Choice(known, how, asked.since, named(application.task.entity))
    _draw_rows(connection, asked, known, wanted)
    how = f"{wanted:,} of {told}, at random with seed {rows.seed}"
    return Choice(known, how, asked.since, PLACE)


def _now(connection: duckdb.DuckDBPyConnection, events: Pinned) -> int:
    """The newest event time; the log says which files can hold it, not to the microsecond."""
    lasts = [file.last for file in events.files if file.last is not None]
    view(connection, EVENTS, events, events.since(max(lasts, default=0)))
    query = f"SELECT epoch_us(max({named(events.time)})) FROM {EVENTS}"  # noqa: S608 - names are declared
    [(newest,)] = connection.execute(query).fetchall()
    return int(newest)


def _draw_rows(connection: duckdb.DuckDBPyConnection, asked: Asked, known: str, wanted: int) -> None:
    """Makes the table `drawn`: the places of the rows with the smallest numbers."""
    draw = f"drawn({asked.rows.seed % 2**32}, {PLACE})"
    connection.execute(
        f"CREATE TEMP TABLE {DRAWN} AS SELECT {PLACE} FROM {EVENTS} "  # noqa: S608 - names are declared
        f"WHERE {known} ORDER BY {draw}, {PLACE} LIMIT {wanted}"
    )


def _draw_entities(connection: duckdb.DuckDBPyConnection, asked: Asked, known: str, wanted: int) -> int:
    """Makes the table `drawn`: random entities, until their rows are enough; returns how many entities."""
    task = asked.application.task
    assert isinstance(task, Clustering)  # noqa: S101 - for the type checker
    entity = named(task.entity)
    counted = (
        f"SELECT {entity}, count(*) AS n, md5({entity} || '/{asked.rows.seed}') AS draw "  # noqa: S608 - names are declared
        f"FROM {EVENTS} WHERE {known} GROUP BY {entity}"
    )
    summed = f"SELECT {entity}, n, sum(n) OVER (ORDER BY draw, {entity}) AS so_far FROM ({counted})"  # noqa: S608
    connection.execute(
        f"CREATE TEMP TABLE {DRAWN} AS SELECT {entity} FROM ({summed}) WHERE so_far - n < {wanted}"  # noqa: S608
    )
    [(drawn,)] = connection.execute(f"SELECT count(*) FROM {DRAWN}").fetchall()  # noqa: S608
    return int(drawn)


def _recent(connection: duckdb.DuckDBPyConnection, asked: Asked, now: int) -> Choice:
    """The newest rows: files are read from the newest on, until no other can hold one of them."""
    wanted = asked.wanted(asked.events.rows)
    files = sorted(asked.events.since(asked.since), key=_end, reverse=True)
    taken, need = 0, wanted
    while True:
        while taken < len(files) and sum(file.rows for file in files[:taken]) < need:
            taken += 1
        view(connection, EVENTS, asked.events, files[:taken])
        times, known_at = _times(connection, asked, now)
        parts = latest(times, known_at, wanted) if asked.apart else None
        start = _start(times, parts, wanted, asked.apart)
        missed = files[taken:] if start is None else [file for file in files[taken:] if _end(file) >= start]
        if not missed:
            break
        need = 2 * sum(file.rows for file in files[:taken]) if start is None else 0
        taken += 0 if start is None else len(missed)
    where = asked.known(now) if start is None else _since_start(asked, now, start, times, parts)
    rows = len(times) if start is None else parts.rows if parts else int((times >= start).sum())
    how = f"the newest {rows:,} {asked.application.noun} whose label is known by {_clock(now)}"
    return Choice(where, how, asked.since if start is None else start)


def _end(file: File) -> float:
    """No row of the file lies after it."""
    return float("inf") if file.last is None else file.last + MILLISECOND


def _times(connection: duckdb.DuckDBPyConnection, asked: Asked, now: int) -> tuple[Moments, Moments]:
    """When each row happened whose label is known, ascending, and when it became known."""
    query = f"SELECT {asked.time}, {asked.known_at} FROM {EVENTS} WHERE {asked.known(now)}"  # noqa: S608
    times, known_at = (np.asarray(column) for column in connection.execute(query).fetchnumpy().values())
    order = np.argsort(times, kind="stable")
    return times[order], known_at[order]


def _start(times: Moments, parts: Parts | None, wanted: int, apart: bool) -> int | None:
    """The time of the first row that is wanted; None where there are too few."""
    if parts is not None:
        return int(times[parts.train[0]])
    return int(times[-wanted]) if not apart and len(times) >= wanted else None


def _since_start(asked: Asked, now: int, start: int, times: Moments, parts: Parts | None) -> str:
    """The rows from `start` on whose label is known when the part after theirs begins."""
    known, time = asked.known(now), named(asked.events.time)
    from_start = f"{known} AND {time} >= {timestamp(start)}"
    if parts is None:
        return from_start
    second, third = int(times[parts.validation[0]]), int(times[parts.test[0]])
    return (
        f"{from_start} AND ({time} >= {timestamp(third)} "
        f"OR {time} >= {timestamp(second)} AND {asked.known_at} <= {third} OR {asked.known_at} <= {second})"
    )


def _clock(us: int) -> str:
    return f"{moment(us):%Y-%m-%d %H:%M:%S} UTC"
