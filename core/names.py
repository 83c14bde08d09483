"""Every name that two parts share, spelled once: topics, tables, keys, groups, jobs, experiments."""

from __future__ import annotations

from enum import StrEnum


class Stream(StrEnum):
    """The topics of an application, in the order in which an event meets them."""

    EVENTS = "events"
    """As produced: not yet looked at."""
    VALID = "valid"
    """Checked and in canonical JSON, with source partition and offset."""
    DLQ = "dlq"
    """Refused: the raw bytes, with the reason in the headers."""
    PREDICTIONS = "predictions"
    """What the live models answered when they were asked."""


SOURCE_PARTITION = "source_partition"
SOURCE_OFFSET = "source_offset"
"""Where an event lay in its `events` topic: its identity in every table and topic after it."""

EVENT_DATE = "event_date"
"""The partition column of the tables: the UTC day of the event time."""


class RejectHeader(StrEnum):
    """The headers of a message of the `dlq` topic; its value is the raw message."""

    REASON = "reason"
    FIELD = "field"
    DETAIL = "detail"
    SOURCE_PARTITION = SOURCE_PARTITION
    SOURCE_OFFSET = SOURCE_OFFSET


class Table(StrEnum):
    """The Delta tables of an application."""

    EVENTS = "events"


def topic(application: str, stream: Stream) -> str:
    """The topic of one stream of an application: "tfd.events"."""
    return f"{application}.{stream}"


def table_path(application: str, table: Table) -> str:
    """Where a table lies below the lake's root: "tfd/events"."""
    return f"{application}/{table}"


def transaction_id(source_topic: str, partition: int) -> str:
    """Under which a Delta table remembers the next offset of an input partition."""
    return f"{source_topic}:{partition}"


# Flink


class Job(StrEnum):
    """The Flink jobs, by the name that Flink's web UI shows."""

    INGEST = "ingest"
    LAKEHOUSE = "lakehouse"


def consumer_group(reader: str, application: str) -> str:
    """The broker's group under which a part reads an application's topic."""
    return f"millrace-{reader}-{application}"


# Redis


def snapshot_key(application: str) -> str:
    """The live model: one signed value."""
    return f"millrace:{application}:snapshot"


def learner_key(application: str) -> str:
    """The learner's latest report as JSON: state, heartbeat, counters, scores."""
    return f"millrace:{application}:learner"


def history_key(application: str) -> str:
    """A stream of score points over time."""
    return f"millrace:{application}:history"


def recent_key(application: str) -> str:
    """The newest answers, newest first, as a list of JSON."""
    return f"millrace:{application}:recent"


def truths_key(application: str) -> str:
    """The labels of recent answers, by event id, once they are known."""
    return f"millrace:{application}:truths"


def judged_key(application: str) -> str:
    """The newest answers whose labels have become known, newest first, as a list of JSON."""
    return f"millrace:{application}:judged"


def tally_key(application: str) -> str:
    """Counts of rows per topic and the offsets up to which they hold."""
    return f"millrace:{application}:tally"


def scenario_key(application: str) -> str:
    """What is done to the stream on purpose: one scenario as JSON."""
    return f"millrace:{application}:scenario"


def scenario_log_key(application: str) -> str:
    """A stream of the scenarios that were set, in order."""
    return f"millrace:{application}:scenarios"


# MLflow


def online_experiment(application: str) -> str:
    """The experiment that holds the live learner's runs."""
    return f"millrace-{application}-online"
