"""A batch training as MLflow keeps it: how its run is spelled, for who writes it and who reads it.

batch writes: parameters, metrics "test.mae", tags, artifacts -> a finished run -> RunSummary -> API, worker
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from core.connect.mlflow import Run
from core.recipes import title

MODEL = "model.sealed"
"""Artifact: the model as signed bytes, the only form in which the suite decodes it."""

SCORES = "scores.json"
"""Artifact: every score of the run as JSON; null is one that can't be computed."""

ROWS = "rows"
"""Folder of artifacts: the rows that the model was fitted and scored on, as Parquet."""

RUNNING = "RUNNING"
FINISHED = "FINISHED"
FAILED = "FAILED"
KILLED = "KILLED"
"""How a run stands; a candidate has finished and has a version."""

PARTS = ("train", "validation", "test")


class Tag(StrEnum):
    """The tags of a run."""

    APPLICATION = "application"
    RECIPE = "recipe"
    JOB = "job"
    """The job that trained it: a run that a dead attempt of the job has left open is known by it."""
    TABLES = "tables"
    """JSON: table -> version that was read."""
    WINDOW = "window"
    """JSON: first and last event time of the rows."""
    USED_UNTIL = "used_until"
    """Event time of the newest row that the fit has seen, early stopping and threshold included."""
    HOW = "rows_taken"
    """How the rows were taken, for people."""
    SCHEMA = "schema_hash"
    """Hash of the declaration's fields."""
    CODE = "code_version"
    COMMIT = "mlflow.source.git.commit"
    NAME = "mlflow.runName"
    DIGESTS = "artifact_digests"
    """JSON: path of an artifact -> SHA-256 of its bytes."""
    EVALUATED = "evaluated"
    """JSON: the latest window on which it was evaluated, and its scores there."""
    NUMBERED_AS = "segments_numbered_as"
    """The champion, by its run, whose segments gave theirs their numbers; none: they are numbered by size."""
    ERROR = "error"
    """Why the run has failed."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """First and last event time of some rows."""

    start: datetime
    end: datetime


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The rows on which runs were compared: scores are comparable where this is equal, and only there."""

    start: datetime
    end: datetime
    rows: int
    tables: dict[str, int]
    """Table -> version."""


class Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    """The scores of a run on rows that neither it nor the runs that it was compared with were fitted on."""

    window: Window
    scores: dict[str, float | None]
    naive: dict[str, float | None] = {}
    """Of the answer that costs nothing, on the same rows."""


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A finished training."""

    run_id: str
    application: str
    recipe: str
    title: str = ""
    """Of the recipe, as people call it."""
    version: int | None
    """Of the registered model; null where the run has none, so that it can't be used."""
    aliases: list[str]
    started: datetime
    ended: datetime | None
    seconds: float
    rows: dict[str, int]
    """Rows to train, for validation, to test."""
    window: Span | None
    used_until: datetime | None
    """The newest event time that the fit has seen."""
    tables: dict[str, int]
    parameters: dict[str, float | int | str]
    scores: dict[str, float | None]
    """On the test rows."""
    validation: dict[str, float | None]
    naive: dict[str, float | None]
    """Of the answer that costs nothing, on the same test rows."""
    threshold: float | None
    evaluated: Evaluated | None
    digests: dict[str, str]
    numbered_as: str | None = None
    """Of a clustering: the run whose segments gave its own their numbers; null: numbered by size."""
    run_url: str | None = None


def summary(run: Run, version: int | None = None, aliases: Mapping[str, int] | None = None) -> RunSummary:
    """What a run says of itself; raises ValueError with the run's id where a tag can't be read."""
    tags = run.tags
    try:
        return RunSummary(
            run_id=run.id,
            application=tags.get(Tag.APPLICATION, ""),
            recipe=tags.get(Tag.RECIPE, ""),
            title=title(tags.get(Tag.RECIPE, "")),
            version=version,
            aliases=sorted(name for name, given in (aliases or {}).items() if given == version),
            started=_moment(run.start_ms),
            ended=_moment(run.end_ms) if run.end_ms else None,
            seconds=round((run.end_ms - run.start_ms) / 1000, 3) if run.end_ms else 0.0,
            rows={part: int(run.metrics.get(f"rows.{part}", 0)) for part in PARTS},
            window=_tag(tags, Tag.WINDOW, Span),
            used_until=_time(tags.get(Tag.USED_UNTIL)),
            tables=_tag(tags, Tag.TABLES, dict[str, int]) or {},
            parameters={name: _value(text) for name, text in run.params.items()},
            scores=dict(_group(run.metrics, "test")),
            validation=dict(_group(run.metrics, "validation")),
            naive=dict(_group(run.metrics, "naive")),
            threshold=run.metrics.get("threshold"),
            evaluated=_tag(tags, Tag.EVALUATED, Evaluated),
            digests=_tag(tags, Tag.DIGESTS, dict[str, str]) or {},
            numbered_as=tags.get(Tag.NUMBERED_AS),
        )
    except (msgspec.DecodeError, ValueError) as error:
        raise ValueError(f"run {run.id} can't be read: {error}") from None


def grouped(group: str, scores: Mapping[str, float | None]) -> dict[str, float]:
    """Scores as metrics of a run: "mae" of the group "test" is "test.mae"; what is null is left out."""
    return {f"{group}.{name}": value for name, value in scores.items() if _known(value)}  # type: ignore[misc]


def comparable(one: RunSummary, other: RunSummary) -> bool:
    """Whether both were evaluated on the same window, lately."""
    return (
        one.evaluated is not None
        and other.evaluated is not None
        and one.evaluated.window == other.evaluated.window
    )


def _known(value: float | None) -> bool:
    return value is not None and value == value and abs(value) != float("inf")


def _group(metrics: Mapping[str, float], group: str) -> Iterator[tuple[str, float]]:
    for name, value in metrics.items():
        start, _, id_ = name.partition(".")
        if start == group:
            yield id_, value


def _tag(tags: Mapping[str, str], tag: Tag, kind: Any) -> Any:
    text = tags.get(tag)
    return None if text is None else msgspec.json.decode(text, type=kind)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _value(text: str) -> float | int | str:
    """A parameter as it was before MLflow made a text of it."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, float | int) and not isinstance(found, bool) else text
