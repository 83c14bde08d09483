"""Data sets: rows of the history whose label is known by now, as a model reads them.

Delta events LEFT JOIN features, at pinned versions -> the chosen rows -> inputs, target, times -> Dataset
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from batch.choice import EVENTS, PLACE, Asked, Choice, choose, timestamp
from batch.history import MILLISECOND, BadData, Pinned, engine, microseconds, moment, named, pinned, view
from batch.progress import Progress
from batch.sessions import last_of, means, sessions
from core.batch import Rows, Stage
from core.declaration import Application, Clustering
from core.diagnostics import written_text
from core.names import Table
from core.settings import Settings
from models.registered.inputs import column, frame_of, inputs, paths

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

__all__ = ["BadData", "Dataset", "Source", "Texts", "load"]

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]
Objects = npt.NDArray[np.object_]
Places = npt.NDArray[Any]

FEATURES = "features"
"""The view of the features, in the DuckDB of a load."""

TIME, KNOWN_AT, TARGET, KEY, SESSION, TEXT = "@time", "@known_at", "@target", "@key", "@session", "@text"
"""Columns beside those of the inputs; no field is called so."""


class Source(msgspec.Struct, kw_only=True):
    """Where a data set comes from."""

    tables: dict[str, int]
    """Table -> the version that was read."""
    uri: str
    """Root of the application's tables."""
    start: datetime
    end: datetime
    """Event times of the first and the last row."""
    available: int
    """Rows of the table `events` at that version."""
    rows: int
    """Rows of the table that were read. In a clustering fewer entities come of them."""
    how: str
    """Which rows these are, for a person."""


class Texts(NamedTuple):
    """What people wrote in the events of a data set."""

    text: Objects
    """(m,) texts, none of them null."""
    row: Places
    """(m,) the row of the data set that each belongs to: the event, or the entity that wrote it."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows in the order of event time; in a clustering a row is an entity, at the time of its last event.

    frame: (n, inputs), see `models.registered.inputs`. target: (n,) 0 or 1, or the number; None in a
    clustering. known_at: when each label became known. keys: the entity. visits: of a clustering, the
    sessions behind its entities, by which it is split; None in what was saved or taken from another.
    """

    application: Application
    frame: pd.DataFrame
    target: Floats | None
    times: Times
    known_at: Times
    keys: Objects
    texts: Texts | None
    source: Source
    visits: Dataset | None = None

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.times)

    def take(self, places: Places) -> Self:
        """The rows of these numbers, in this order, and their texts; a mask of booleans will do as well."""
        places = np.flatnonzero(places) if places.dtype == np.bool_ else places
        return replace(
            self,
            frame=self.frame.iloc[places].reset_index(drop=True),
            target=None if self.target is None else self.target[places],
            times=self.times[places],
            known_at=self.known_at[places],
            keys=self.keys[places],
            texts=None if self.texts is None else _texts_of(self.texts, places, self.rows),
            visits=None,
        )


def _texts_of(texts: Texts, places: Places, rows: int) -> Texts:
    renumbered = np.full(rows, -1, dtype=np.int64)
    renumbered[places] = np.arange(len(places))
    row = renumbered[texts.row]
    return Texts(texts.text[row >= 0], row[row >= 0])


def load(
    settings: Settings,
    application: Application,
    rows: Rows,
    progress: Progress,
    *,
    apart: bool = True,
    since: datetime | None = None,
    entities: bool = True,
) -> Dataset:
    """The rows whose label is known by now, in event time; raises BadData when there are none or too many.

    apart: of the most recent, leave room between the parts of a split, in which labels become known; without
    it they are the newest ones, without a gap. since: only rows from this event time on. entities: of a
    clustering; without it a row is an event there, too.
    """
    progress.stage(Stage.LOADING, 0)
    events, remembered = (pinned(settings, application, table) for table in (Table.EVENTS, Table.FEATURES))
    start = None if since is None else microseconds(since)
    asked = Asked(application, events, rows, settings.batch.most_rows, apart, start)
    with engine(settings) as connection:
        choice = choose(connection, asked)
        progress.check()
        table = _read(connection, asked, choice, remembered)
    progress.check()
    if not table.num_rows:
        raise BadData(f"no rows: {choice.how}, of {events.rows:,} in the table{_after(since)}")
    source = Source(
        tables={str(one.name): one.version for one in (events, remembered)},
        uri=f"{settings.lake_uri}/{application.name}",
        start=moment(table[TIME][0].as_py()),
        end=moment(table[TIME][-1].as_py()),
        available=events.rows,
        rows=table.num_rows,
        how=choice.how,
    )
    progress.line(f"read {choice.how}", rows=table.num_rows)
    return _dataset(application, table, source, entities)


def _after(since: datetime | None) -> str:
    return "" if since is None else f", from {since:%Y-%m-%d %H:%M:%S} UTC on"


def _read(connection: duckdb.DuckDBPyConnection, asked: Asked, choice: Choice, features: Pinned) -> pa.Table:
    """The chosen rows in the order of time, with the columns that inputs and target are made of."""
    start = choice.start
    view(connection, EVENTS, asked.events, asked.events.since(start))
    fields, remembered = paths(asked.application)
    cells = ", ".join(
        f'{sql} AS "{name}"' for name, sql in ({f: named(f) for f in fields} | _beside(asked)).items()
    )
    chosen = f"SELECT {PLACE}, {cells} FROM {choice.rows}"  # noqa: S608 - names are declared
    if remembered:
        # A feature row's time is cut to milliseconds.
        after = None if start is None else start - MILLISECOND
        view(connection, FEATURES, features, features.since(after))
        bound = "" if after is None else f" WHERE {named(features.time)} >= {timestamp(after)}"
        listed = ", ".join(named(name) for name in remembered)
        known = f"SELECT {PLACE}, {listed} FROM {FEATURES}{bound}"  # noqa: S608
        chosen = f"SELECT e.*, {listed} FROM ({chosen}) e LEFT JOIN ({known}) USING ({PLACE})"  # noqa: S608
    return connection.sql(f'{chosen} ORDER BY "{TIME}", {PLACE}').to_arrow_table()


def _beside(asked: Asked) -> dict[str, str]:
    """Columns that are no inputs: name -> SQL."""
    application = asked.application
    beside = {TIME: asked.time, KNOWN_AT: asked.known_at, KEY: named(application.key)}
    if application.label:
        beside[TARGET] = named(application.label)
    if isinstance(application.task, Clustering):
        beside |= {KEY: named(application.task.entity), SESSION: named(application.task.session)}
    if text := written_text(application):
        beside[TEXT] = named(text)
    return beside


def _dataset(application: Application, table: pa.Table, source: Source, entities: bool) -> Dataset:
    times, known_at = (_times(table[name]) for name in (TIME, KNOWN_AT))
    texts = _texts(table)
    if isinstance(application.task, Clustering) and entities:
        return by_entity(_visits(application, table, source, times, texts))
    return Dataset(
        application=application,
        frame=frame_of(application, table),
        target=_target(application, table[TARGET]) if application.label else None,
        times=times,
        known_at=known_at,
        keys=_shared(table[KEY]),
        texts=texts,
        source=source,
    )


def _times(cells: pa.ChunkedArray) -> Times:
    times: Times = cells.to_numpy().astype("datetime64[us]")
    return times


def _target(application: Application, cells: pa.ChunkedArray) -> Floats:
    positive = getattr(application.task, "positive", None)
    values = cells.to_numpy()
    target: Floats = (values if positive is None else values == positive).astype(np.float64)
    return target


def _shared(cells: pa.ChunkedArray) -> Objects:
    """Names as text, every name once in memory."""
    encoded = cells.combine_chunks().dictionary_encode()
    names = np.array([*encoded.dictionary.to_pylist(), None], dtype=object)
    shared: Objects = names[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return shared


def _texts(table: pa.Table) -> Texts | None:
    if TEXT not in table.column_names:
        return None
    cells = table[TEXT].combine_chunks()
    row = np.flatnonzero(cells.is_valid().to_numpy(zero_copy_only=False))
    return Texts(cells.drop_null().to_numpy(zero_copy_only=False), row)


def _visits(
    application: Application, table: pa.Table, source: Source, times: Times, texts: Texts | None
) -> Dataset:
    """Sessions by the time of their last event."""
    groups, _ = pd.factorize(_shared(table[SESSION]))
    last = last_of(groups)
    order = np.argsort(last, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    groups, last = place[groups], last[order]
    return Dataset(
        application=application,
        frame=sessions(inputs(application), lambda one: column(one, table), groups),
        target=None,
        times=times[last],
        known_at=times[last],
        keys=_shared(table[KEY])[last],
        texts=None if texts is None else Texts(texts.text, groups[texts.row]),
        source=source,
    )


def by_entity(visits: Dataset) -> Dataset:
    """Entities, each the mean of its sessions, by the time of the last one."""
    groups, names = pd.factorize(visits.keys)
    last = last_of(groups)
    made = replace(
        visits,
        frame=means(visits.frame, groups, len(names)),
        times=visits.times[last],
        known_at=visits.known_at[last],
        keys=np.asarray(names, dtype=object),
        texts=None if visits.texts is None else Texts(visits.texts.text, groups[visits.texts.row]),
    )
    return replace(made.take(np.argsort(made.times, kind="stable")), visits=visits)
