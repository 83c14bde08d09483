"""Compares what was produced with what the tables hold: nothing lost, nothing twice.

    topic events: end offsets --.
    Delta: events, rejects -----+-> per partition: produced, valid, rejected, delta, missing, duplicates
    Delta: features ------------'   features, feature_duplicates

Producers write without transactions, so the offsets of `events` are dense: each one below the end is an
event, and must stand in exactly one of the tables by its (source_partition, source_offset). What retention
has dropped from the topic still counts.

Every valid event gets one row in `features`, once event time has passed it. How many have none yet says
nothing about exactness: the job may not run, and the last second of a silent stream waits for the next event.
A second row of the same event does.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
import typer

from core import names
from core.applications import APPLICATIONS
from core.connect import kafka
from core.names import SOURCE_OFFSET, SOURCE_PARTITION, Stream, Table
from core.settings import Settings, SettingsError, load

Offsets = np.ndarray[Any, np.dtype[np.int64]]
Keys = Mapping[int, Offsets]
"""Source partition -> the source offsets of a table's rows, in any order, repeats included."""

POLL_SECONDS = 2.0
SHOWN = 5
"""Gaps and repeats that are told per partition."""
BROKER_SECONDS = 10.0


class Unaudited(RuntimeError):
    """Broker or lake can't be read; the text says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionAudit:
    """One partition of an application's `events` topic. Counts of events, but for `delta`: rows."""

    produced: int
    """Offsets below the end of the topic at the time of the call."""
    valid: int
    """Of these, distinct ones in the table `events`."""
    rejected: int
    """Distinct ones in the table `rejects`."""
    delta: int
    """Rows in the table `events`."""
    in_flight: int
    """In neither table, and after all that are: on their way."""
    missing: int
    """In neither table, while later ones are."""
    duplicates: int
    """Rows more than one per event, over both tables."""
    features: int = 0
    """Distinct ones of the valid events in the table `features`."""
    feature_duplicates: int = 0
    """Rows more than one per event there."""
    gaps: tuple[tuple[int, int], ...] = ()
    """The first runs of missing offsets: from, up to and with."""
    repeated: tuple[int, ...] = ()
    """The first offsets that stand more than once."""

    @property
    def exact(self) -> bool:
        """Nothing lost, nothing twice; what is in flight is neither."""
        return not (self.missing or self.duplicates or self.feature_duplicates)


_NONE: Offsets = np.empty(0, dtype=np.int64)


def compare(end: int, events: Offsets, rejects: Offsets, features: Offsets = _NONE) -> PartitionAudit:
    """Audits one partition whose topic ends at `end`, from the offsets of the tables' rows.

    Rows at or beyond `end` came after the call and are left out, unless they stand there twice.
    """
    rows = np.sort(np.concatenate((events, rejects)))
    twice = rows[1:] == rows[:-1]
    known = _distinct(rows)
    known = known[known < end]
    edges = np.concatenate(([-1], known))
    holes = np.nonzero(np.diff(edges) > 1)[0]
    last = int(edges[-1])
    measured = np.sort(features)
    return PartitionAudit(
        produced=end,
        valid=int(_distinct(np.sort(events[events < end])).size),
        rejected=int(_distinct(np.sort(rejects[rejects < end])).size),
        delta=int((events < end).sum()),
        in_flight=end - 1 - last,
        missing=last + 1 - int(known.size),
        duplicates=int(twice.sum()),
        features=int(np.intersect1d(measured, events[events < end]).size),
        feature_duplicates=int((measured[1:] == measured[:-1]).sum()),
        gaps=tuple((int(edges[n]) + 1, int(edges[n + 1]) - 1) for n in holes[:SHOWN]),
        repeated=tuple(_distinct(rows[1:][twice])[:SHOWN].tolist()),
    )


def _distinct(ordered: Offsets) -> Offsets:
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))] if len(ordered) else ordered


def audit_application(
    ends: Mapping[int, int], events: Keys, rejects: Keys, features: Keys | None = None
) -> dict[int, PartitionAudit]:
    """Audits every partition; one that only a table knows has an end of 0, so all its rows are too many."""
    measured = features or {}
    return {
        p: compare(ends.get(p, 0), *(keys.get(p, _NONE) for keys in (events, rejects, measured)))
        for p in sorted({*ends, *events, *rejects, *measured})
    }


def end_offsets(url: str, application: str) -> dict[int, int]:
    """Partition -> the offset after the last event ever produced; raises Unaudited."""
    from confluent_kafka import KafkaException, TopicPartition
    from confluent_kafka.admin import OffsetSpec

    client, name = kafka.admin(url), names.topic(application, Stream.EVENTS)
    try:
        found = client.list_topics(name, timeout=BROKER_SECONDS).topics[name]
        if found.error:
            raise Unaudited(f"the topic {name} can't be read: {found.error.str()}")
        asked = {TopicPartition(name, p): OffsetSpec.latest() for p in found.partitions}
        ends = client.list_offsets(asked, request_timeout=BROKER_SECONDS)
        return {at.partition: end.result(timeout=2 * BROKER_SECONDS).offset for at, end in ends.items()}
    except (KafkaException, TimeoutError) as error:
        raise Unaudited(f"the broker at {url} does not answer: {error}") from None


def table_keys(lake: str, application: str, table: Table) -> Keys:
    """The identities of a table's rows, read from its two columns only; raises Unaudited."""
    import duckdb
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    uri = f"{lake}/{names.table_path(application, table)}"
    try:
        files = DeltaTable(uri).file_uris()
        if not files:
            return {}
        with duckdb.connect(":memory:") as connection:
            query = f"SELECT {SOURCE_PARTITION}, {SOURCE_OFFSET} FROM read_parquet($1)"  # noqa: S608 - constants
            columns = connection.execute(query, [files]).fetchnumpy()
    except TableNotFoundError:
        raise Unaudited(f"there is no table at {uri}: the local stack makes it when it starts") from None
    except (DeltaError, OSError, duckdb.Error) as error:
        raise Unaudited(f"the table at {uri} can't be read: {error}") from None
    partitions, offsets = (np.asarray(columns[c], dtype=np.int64) for c in (SOURCE_PARTITION, SOURCE_OFFSET))
    return {int(p): offsets[partitions == p] for p in np.unique(partitions)}


Audits = dict[str, dict[int, PartitionAudit]]


def audit(settings: Settings, wait: float) -> Audits:
    """Audits all that was produced before the call; waits so many seconds for it to reach the tables."""
    ends = {name: end_offsets(settings.broker.url, name) for name in APPLICATIONS}
    found: Audits = {}

    def look(name: str) -> bool:
        features = table_keys(settings.lake_uri, name, Table.FEATURES)
        # Rejects first: an event that is in flight then is at most seen later, never in neither table.
        rejects = table_keys(settings.lake_uri, name, Table.REJECTS)
        events = table_keys(settings.lake_uri, name, Table.EVENTS)
        found[name] = audit_application(ends[name], events, rejects, features)
        return not any(one.missing or one.in_flight for one in found[name].values())

    _until(look, list(APPLICATIONS), wait)
    return {name: found[name] for name in APPLICATIONS}


def _until(look: Callable[[str], bool], waiting: list[str], seconds: float) -> None:
    """Looks at each until it is complete or the time is over; at least once."""
    deadline = time.monotonic() + seconds
    while True:
        waiting = [name for name in waiting if not look(name)]
        if not waiting or time.monotonic() >= deadline:
            return
        time.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))


def report(audits: Audits, waited: bool) -> dict[str, Any]:
    """The answer of `--json`: per application and partition, sums, and whether all is exact."""
    ones = [one for partitions in audits.values() for one in partitions.values()]
    return {
        "exact": all(one.exact for one in ones) and not (waited and any(one.in_flight for one in ones)),
        "applications": {
            name: {
                "partitions": {str(p): asdict(one) for p, one in partitions.items()},
                "total": {field: sum(getattr(one, field) for one in partitions.values()) for field in COUNTS},
            }
            for name, partitions in audits.items()
        },
    }


COUNTS = (
    *("produced", "valid", "rejected", "delta", "in_flight", "missing", "duplicates"),
    *("features", "feature_duplicates"),
)


def _width(name: str) -> int:
    return max(10, len(name))


def lines(audits: Audits) -> Iterator[str]:
    """The report for people."""
    yield f"{'application':<12} {'partition':>9} " + " ".join(f"{name:>{_width(name)}}" for name in COUNTS)
    for name, partitions in audits.items():
        for partition, one in partitions.items():
            counts = " ".join(f"{getattr(one, field):>{_width(field)}}" for field in COUNTS)
            yield f"{name:<12} {partition:>9} {counts}"
            for first, last in one.gaps:
                yield f"{'':<22} missing: offsets {first} to {last}"
            for offset in one.repeated:
                yield f"{'':<22} more than once: offset {offset}"


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    wait: Annotated[
        float,
        typer.Option(
            min=0,
            help="Seconds to wait until all that was produced before the call has reached the tables; "
            "what has not by then is an error. With 0 it looks once, and what is on its way is no error.",
        ),
    ] = 60,
) -> None:
    """Compare, per application and partition, what was produced with what the tables hold.

    Exit 1 when an event is missing or stands twice, 2 when broker or tables can't be read.
    """
    try:
        audits = audit(load(), wait)
    except (SettingsError, Unaudited) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    whole = report(audits, waited=wait > 0)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(whole) + b"\n")
    else:
        typer.echo("\n".join(lines(audits)))
        typer.echo("exact: nothing missing, nothing twice" if whole["exact"] else "NOT exact")
    raise typer.Exit(0 if whole["exact"] else 1)


if __name__ == "__main__":
    typer.run(main)
