"""Captures as a data set: what models of outside programs were asked, without windowed features and labels.

captures (Redis) -> events in order of time -> models.registered.events -> Dataset
"""

from __future__ import annotations

import numpy as np

from batch.datasets import BadData, Dataset, Source
from batch.progress import Progress
from core import captures
from core.batch import Rows, Stage, Take
from core.connect import redis as redis_connect
from core.declaration import Application, Clustering
from core.settings import Settings
from models.registered.events import event_frame


def captured(settings: Settings, application: Application, rows: Rows, progress: Progress) -> Dataset:
    """The newest captures, as many as `rows` says, each a row; raises BadData when there are none."""
    progress.stage(Stage.LOADING, 0)
    count = None if rows.take is Take.ALL else int(rows.amount)
    with redis_connect.client(settings.redis.url) as redis:
        found = captures.newest(redis, application.name, count)
        held = captures.held(redis, application.name).count
    if not found:
        raise BadData(f"no captures of {application.name} are held")
    found.sort(key=lambda one: one.time)
    progress.line("read the newest captures", rows=len(found))
    task = application.task
    key = task.entity if isinstance(task, Clustering) else application.key
    times = np.array([one.time.replace(tzinfo=None) for one in found], dtype="datetime64[us]")
    return Dataset(
        application=application,
        frame=event_frame(application, [one.event for one in found]),
        target=None,
        times=times,
        known_at=times,
        keys=np.array([one.event[key] for one in found], dtype=object),
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
