"""Captures as a data set: what models of outside programs were asked, without windowed features and labels.

captures (Redis) -> events in order of time -> models.registered.events -> Dataset
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from batch.datasets import BadData, Dataset, Source
from batch.progress import Progress
from core import captures
from core.batch import Rows, Stage, Take
from core.captures import Capture
from core.connect import redis as redis_connect
from core.declaration import Application, Clustering
from core.settings import Settings
from models.registered.events import event_frame


def captured(settings: Settings, application: Application, rows: Rows, progress: Progress) -> Dataset:
    """The newest captures, as many as `rows` says; raises BadData when there are none.

    In a clustering a row is an entity, at the time of its last capture.
    """
    progress.stage(Stage.LOADING, 0)
    count = None if rows.take is Take.ALL else int(rows.amount)
    with redis_connect.client(settings.redis.url) as redis:
        found = captures.newest(redis, application.name, count)
        held = captures.held(redis, application.name).count
    if not found:
        raise BadData(f"no captures of {application.name} are held")
    found.sort(key=lambda one: one.time)
    progress.line("read the newest captures", rows=len(found))
    times, keys = _rows(application, found)
    return Dataset(
        application=application,
        frame=event_frame(application, [one.event for one in found]),
        target=None,
        times=times,
        known_at=times,
        keys=keys,
        texts=None,
        source=Source(
            tables={},
            uri="",
            start=found[0].time,
            end=found[-1].time,
            available=held,
            rows=len(found),
            how=f"the newest {len(found):,} captures",
        ),
    )


def _rows(
    application: Application, found: list[Capture]
) -> tuple[np.ndarray[tuple[int], np.dtype[np.datetime64]], np.ndarray[tuple[int], np.dtype[np.object_]]]:
    """Times and keys in the order in which `event_frame` gives the rows."""
    times = np.array([one.time.replace(tzinfo=None) for one in found], dtype="datetime64[us]")
    keys = np.array([one.event[application.key] for one in found], dtype=object)
    if not isinstance(application.task, Clustering):
        return times, keys
    table = pd.DataFrame(
        {
            "session": [one.event[application.task.session] for one in found],
            "entity": [one.event[application.task.entity] for one in found],
            "time": times,
        }
    )
    # As the frame has them: entities by the first of their sessions, a session belonging to its last event.
    visits = table.groupby("session", sort=False).last()
    entities = visits.groupby("entity", sort=False)["time"].max()
    return entities.to_numpy().astype("datetime64[us]"), entities.index.to_numpy(dtype=object)
