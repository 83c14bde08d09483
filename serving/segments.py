"""How a clustering's rows fall into segments: sizes, and counts of a field's values by segment.

live:       newest answers in Redis                         -> value of the field by answer
registered: newest events of the table, joined with features -> frame -> model -> value of the field by answer
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from core.api.errors import FieldError
from core.api.segments import SegmentCount, SegmentsAnswer
from core.declaration import Application, Category, Clustering, Flag, leaves
from core.records import Segment
from serving.batch_models import Held
from serving.live_models import LiveModel
from serving.problems import Problem
from serving.tables import TableState

if TYPE_CHECKING:
    import pyarrow as pa

MISSING = "(missing)"

NEWEST = 5000
"""Rows of the table that are looked at."""


def require_segments(application: Application) -> None:
    """Raises Problem (409) for an application that sorts nothing into segments."""
    if not isinstance(application.task, Clustering):
        task = type(application.task).__name__.lower()
        raise Problem(
            HTTPStatus.CONFLICT, f"{application.name} has no segments: it is a {task}, not a clustering"
        )


def require_field(application: Application, field: str | None) -> None:
    """Raises Problem (422) for what is no field whose values can be counted."""
    known = [path for path, leaf in leaves(application) if isinstance(leaf, Category | Flag)]
    if field is not None and field not in known:
        message = f"{field!r} has no values to count; these fields have: {', '.join(known)}"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"field: {message}", [FieldError("field", message)])


def live_segments(
    application: Application,
    live: LiveModel,
    known: Iterable[Segment],
    answered: Iterable[tuple[int, Mapping[str, Any]]],
    field: str | None,
) -> SegmentsAnswer:
    """Of the live model: sizes by its learner, counts over its newest answers (segment, event)."""
    pairs = [(number, _cell(event, field) if field else None) for number, event in answered]
    return SegmentsAnswer(
        application=application.name,
        source="live",
        model=live.header.model,
        version=live.header.version,
        field=field,
        counted=len(pairs),
        rows="the newest answers of the learner, of whatever version gave them",
        segments=_counted(known, pairs, field),
    )


def registered_segments(
    application: Application, held: Held, rows: pa.Table, field: str | None
) -> SegmentsAnswer:
    """Of a registered model: sizes by its training rows, counts over rows of `newest`."""
    from models.registered.inputs import frame_of

    said: list[float] = held.model.answers(frame_of(application, rows)).tolist()
    cells = rows[field].to_pylist() if field else [None] * len(said)
    pairs = [(int(number), cell) for number, cell in zip(said, cells, strict=True)]
    return SegmentsAnswer(
        application=application.name,
        source="registered",
        model=held.info.recipe,
        version=held.info.version or 0,
        run_id=held.info.run_id,
        field=field,
        counted=len(pairs),
        rows=f"the newest {NEWEST} events of the table at most, each with its own windowed features",
        segments=_counted(held.model.segments, pairs, field),
    )


def newest(application: Application, events: TableState, features: TableState | None) -> pa.Table:
    """The newest events with what models read and every field of values; null features where none are known.

    Reads the files of the newest days only. Raises duckdb.Error, OSError.
    """
    import duckdb
    import pyarrow as pa

    from models.registered.inputs import paths

    fields, windowed = paths(application)
    wanted = dict.fromkeys(
        [*fields, *(path for path, leaf in leaves(application) if isinstance(leaf, Category | Flag))]
    )
    days = _newest_days(events)
    left = ", ".join(f'd.{_quoted(path)} AS "{path}"' for path in wanted)
    right = "".join(f', f."{name}"' for name in windowed) if features and windowed else ""
    join, files = "", _within(events, days)
    values: dict[str, Any] = {"events": files, "newest": NEWEST}
    if right and features and (theirs := _within(features, days)):
        join = "LEFT JOIN read_parquet($features) f USING (source_partition, source_offset)"
        values["features"] = theirs
    else:
        right = "".join(f', NULL::DOUBLE AS "{name}"' for name in windowed)
    time = application.event_time.name
    with duckdb.connect() as database:
        found = database.execute(
            f'WITH d AS (SELECT * FROM read_parquet($events) ORDER BY "{time}" DESC LIMIT $newest) '  # noqa: S608 - declared names
            f"SELECT {left}{right} FROM d {join}",
            values,
        )
        return pa.table(found.to_arrow_table())


def _newest_days(state: TableState) -> set[str]:
    """The folders of the newest days that hold rows enough."""
    rows: Counter[str] = Counter()
    for uri, count in zip(state.files, state.records, strict=True):
        rows[_day(uri)] += count
    days: set[str] = set()
    for day in sorted(rows, reverse=True):
        days.add(day)
        if sum(rows[one] for one in days) >= NEWEST:
            break
    return days


def _within(state: TableState, days: set[str]) -> list[str]:
    return [uri for uri in state.files if _day(uri) in days]


def _day(uri: str) -> str:
    """The folder of a file's partition: "event_date=2026-11-01"."""
    return uri.rpartition("/")[0].rpartition("/")[2]


def _quoted(path: str) -> str:
    return ".".join(f'"{part}"' for part in path.split("."))


def _cell(event: Mapping[str, Any], path: str) -> Any:
    outer, _, inner = path.partition(".")
    value = event.get(outer)
    return (value or {}).get(inner) if inner else value


def _counted(known: Iterable[Segment], pairs: list[tuple[int, Any]], field: str | None) -> list[SegmentCount]:
    """Every segment that is known or was answered, by number."""
    sizes = {one.number: one.size for one in known}
    rows = Counter(number for number, _ in pairs)
    values: dict[int, Counter[str]] = defaultdict(Counter)
    if field:
        for number, cell in pairs:
            values[number][MISSING if cell is None else str(cell)] += 1
    return [
        SegmentCount(
            number=number,
            size=sizes.get(number, 0),
            rows=rows[number],
            share=round(rows[number] / len(pairs), 6) if pairs else None,
            values=dict(values[number].most_common()) if field else None,
        )
        for number in sorted(sizes.keys() | rows.keys())
    ]
