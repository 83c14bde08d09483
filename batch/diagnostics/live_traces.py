"""Where the live models leave their traces, and how they are read.

Redis: report, history -> LearnerReport, points
MLflow: the learner's run -> the scores of the whole roster over time
Delta: predictions JOIN events by source -> answers with their truth
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from batch.choice import Asked
from batch.diagnostics.subject import Floats, Unanswerable
from batch.history import engine, microseconds, named, pinned, view
from batch.progress import Progress, Silent
from core import names
from core.batch import Rows
from core.declaration import Application, Classification
from core.diagnostics.shapes import Sample
from core.names import SOURCE_OFFSET, SOURCE_PARTITION, Table
from core.records import LearnerReport
from core.settings import Settings

if TYPE_CHECKING:
    import duckdb
    from redis import Redis

MOST_HISTORY = 4_000
"""As many points as learners keep."""

MLFLOW_SECONDS = 5.0
MOST_LOGGED = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """An application, and where its live models leave their traces."""

    application: Application
    settings: Settings
    redis: Redis
    progress: Progress = field(default_factory=Silent)


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A point of the history, as far as it is needed here."""

    time: datetime
    clock: datetime | None
    taught: int
    champion: str
    scores: dict[str, float | None]
    naive: dict[str, float | None]


def report(live: Live) -> LearnerReport:
    """The learner's latest report; raises Unanswerable when there is none."""
    text: Any = live.redis.get(names.learner_key(live.application.name))
    if text is None:
        raise Unanswerable(f"no learner of {live.application.name} has reported yet: is it running?")
    return msgspec.json.decode(text, type=LearnerReport)


def history(live: Live) -> list[Point]:
    """The scores over time, oldest first; raises Unanswerable when there are none."""
    found: Any = live.redis.xrevrange(names.history_key(live.application.name), count=MOST_HISTORY)
    points = [msgspec.json.decode(cells[b"point"], type=Point) for _, cells in reversed(found)]
    points = [one for one in points if one.clock is not None]
    if not points:
        raise Unanswerable(f"the learner of {live.application.name} has left no scores over time yet")
    return points


def logged(live: Live, run_id: str, metric: str) -> list[tuple[datetime, float]]:
    """A metric of the learner's run over wall clock, where it was logged; raises httpx.HTTPError."""
    from core.connect.mlflow import Mlflow

    server = Mlflow(live.settings.mlflow.url, timeout_seconds=MLFLOW_SECONDS)
    try:
        asked = {"run_id": run_id, "metric_key": metric, "max_results": MOST_LOGGED}
        answer = server.known("metrics/get-history", asked) or {}
    finally:
        server.close()
    return [
        (datetime.fromtimestamp(one["timestamp"] / 1000, UTC), float(one["value"]))
        for one in answer.get("metrics", [])
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Answers of one live model in the order of event time, with what happened."""

    model: str
    truth: Floats
    answers: Floats
    threshold: float
    """At which the newest of them was served; 0.5 where there is none."""
    times: npt.NDArray[np.datetime64]
    sample: Sample


def answered(live: Live, most: int) -> Answered:
    """The champion's newest answers whose label is known by now; raises Unanswerable when there are none."""
    application = live.application
    if application.label is None:
        raise Unanswerable(f"{application.name} has no label: nothing to compare the answers with")
    model = _champion(live)
    with engine(live.settings) as connection:
        available = _newest(live, connection, model, most)
        live.progress.check()
        found = _joined(live, connection) if available else {}
    if not found or not len(found["truth"]):
        raise Unanswerable(
            f"no answer of {model!r} with a known label is in the tables of {application.name} yet"
        )
    threshold = found["threshold"][-1]
    rows = len(found["truth"])
    return Answered(
        model=model,
        truth=found["truth"],
        answers=found["answer"],
        threshold=float(threshold) if np.isfinite(threshold) else 0.5,
        times=found["time"].astype("datetime64[us]"),
        sample=Sample(
            rows=rows, available=available, split="live", how="the newest" if rows < available else ""
        ),
    )


def _champion(live: Live) -> str:
    """The model that answers requests; the one declared first where no learner has reported."""
    try:
        return report(live).champion
    except Unanswerable:
        return live.application.online[0]


def _newest(live: Live, connection: duckdb.DuckDBPyConnection, model: str, most: int) -> int:
    """Makes the table `newest` of a model's newest answers; how many it has given in all."""
    table = pinned(live.settings, live.application, Table.PREDICTIONS)
    if not table.files:
        return 0
    view(connection, "answers", table, table.files)
    answer = "probability" if isinstance(live.application.task, Classification) else "value"
    [(available,)] = connection.execute("SELECT count(*) FROM answers WHERE model = ?", [model]).fetchall()
    query = (
        f"CREATE TEMP TABLE newest AS SELECT {SOURCE_PARTITION}, {SOURCE_OFFSET}, event_time, threshold, "  # noqa: S608 - names of declarations
        f"{answer}::DOUBLE AS answer FROM answers WHERE model = ? AND {answer} IS NOT NULL "
        "ORDER BY event_time DESC LIMIT ?"
    )
    connection.execute(query, [model, most])
    return int(available)


def _joined(live: Live, connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The newest answers with their labels, as far as these are known by now, in the order of event time."""
    application = live.application
    table = pinned(live.settings, application, Table.EVENTS)
    [(first,)] = connection.execute("SELECT epoch_us(min(event_time)) FROM newest").fetchall()
    if first is None or not table.files:
        return {}
    view(connection, "happened", table, table.since(first))
    asked = Asked(application, table, Rows(), live.settings.batch.most_rows, False, first)
    label = named(application.label or "")
    if isinstance(application.task, Classification):
        label = f"({label} = {str(application.task.positive).upper()})"
    known = asked.known(microseconds(datetime.now(UTC)))
    place = f"{SOURCE_PARTITION}, {SOURCE_OFFSET}"
    fields = f"SELECT {place}, {label}::DOUBLE AS truth FROM happened WHERE {known}"  # noqa: S608
    rows = connection.sql(
        "SELECT epoch_us(event_time) AS time, truth, answer, coalesce(threshold, 'nan'::DOUBLE) AS threshold "  # noqa: S608
        f"FROM newest JOIN ({fields}) USING ({place}) ORDER BY time"
    )
    return dict(rows.fetchnumpy())
