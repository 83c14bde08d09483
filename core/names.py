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
    FEATURES = "features"
    """What is remembered of an event's entities at its time: one row per valid event."""


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
    REJECTS = "rejects"
    """The dead letters: why each was refused, and its raw bytes."""
    PREDICTIONS = "predictions"
    FEATURES = "features"
    """What is remembered of an event's entities at its time: joins with `events` by source."""


class ReplayHeader(StrEnum):
    """The headers of a dead letter that was produced again: where its first message lay."""

    PARTITION = "replay_of_partition"
    OFFSET = "replay_of_offset"


def topic(application: str, stream: Stream) -> str:
    """The topic of one stream of an application: "tfd.events"."""
    return f"{application}.{stream}"


def table_path(application: str, table: Table) -> str:
    """Where a table lies below the lake's root: "tfd/events"."""
    return f"{application}/{table}"


def transaction_id(source_topic: str, partition: int) -> str:
    """Under which a Delta table remembers the next offset of an input partition."""
    return f"{source_topic}:{partition}"


def source_transaction_id(source_topic: str, partition: int, source_partition: int) -> str:
    """Under which it remembers the next source offset that an input partition brings."""
    return f"{transaction_id(source_topic, partition)}:{SOURCE_PARTITION}:{source_partition}"


# Flink


class Job(StrEnum):
    """The Flink jobs, by the name that Flink's web UI shows."""

    INGEST = "ingest"
    LAKEHOUSE = "lakehouse"
    FEATURES = "features"


def consumer_group(reader: str, application: str) -> str:
    """The broker's group under which a part reads an application's topic."""
    return f"millrace-{reader}-{application}"


# Redis


def snapshot_key(application: str) -> str:
    """The live model: one signed value."""
    return f"millrace:{application}:snapshot"


def checkpoints_key(application: str) -> str:
    """The newest snapshots that are kept for longer: a hash, version -> one signed value."""
    return f"millrace:{application}:checkpoints"


def versions_key(application: str) -> str:
    """What can be gone back to: a hash, "place:version" -> JSON."""
    return f"millrace:{application}:versions"


def control_key(application: str) -> str:
    """What people ask of the learner: a hash of JSON values (see `core.control`)."""
    return f"millrace:{application}:control"


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


def features_key(application: str) -> str:
    """The latest feature row of each entity: a hash, entity -> JSON as on the topic `features`."""
    return f"millrace:{application}:features"


def features_times_key(application: str) -> str:
    """The event times of those rows, as a sorted set in milliseconds: which is newer, which has expired."""
    return f"millrace:{application}:features:times"


def features_report_key(application: str) -> str:
    """How far the topic `features` was read, as JSON; changes only together with the rows."""
    return f"millrace:{application}:features:report"


def tally_key(application: str) -> str:
    """Counts of rows per topic and the offsets up to which they hold."""
    return f"millrace:{application}:tally"


def replays_key(application: str) -> str:
    """A hash of the dead letters that were produced again: "partition:offset" -> ReplayState."""
    return f"millrace:{application}:replays"


def upkeep_key() -> str:
    """The latest report of the tables' upkeep as JSON."""
    return "millrace:upkeep"


def audit_key() -> str:
    """A stream of who did what through the API: AuditEntry as JSON."""
    return "millrace:audit"


def scenario_key(application: str) -> str:
    """What is done to the stream on purpose: one scenario as JSON."""
    return f"millrace:{application}:scenario"


def scenario_log_key(application: str) -> str:
    """A stream of the scenarios that were set, in order."""
    return f"millrace:{application}:scenarios"


def job_key(job: str) -> str:
    """A job of the batch worker: its report as JSON."""
    return f"millrace:job:{job}"


def job_log_key(job: str) -> str:
    """The lines of a job's log: a stream of JSON."""
    return f"millrace:job:{job}:log"


def job_alive_key(job: str) -> str:
    """Which worker has the job in hand; expires within seconds of the worker's death."""
    return f"millrace:job:{job}:alive"


def batch_workers_key() -> str:
    """That the batch worker runs; expires within seconds of its end."""
    return "millrace:batch:workers"


def drift_report_key(application: str) -> str:
    """The latest drift report of an application's data, as JSON."""
    return f"millrace:{application}:drift-report"


def drift_reports_key(application: str) -> str:
    """The kept drift reports: a hash, id -> compressed JSON."""
    return f"millrace:{application}:drift-reports"


def drift_summaries_key(application: str) -> str:
    """The same in short: a hash, id -> JSON."""
    return f"millrace:{application}:drift-reports:short"


def drift_reference_key(application: str) -> str:
    """What records of a request are compared with, as JSON."""
    return f"millrace:{application}:drift-reference"


def captures_key(application: str) -> str:
    """What outside programs have asked their models: a stream; below it `:ids`, `:models` and `:taken`."""
    return f"millrace:{application}:captures"


def alert_key(alert: str) -> str:
    """An alert with its history, as JSON."""
    return f"millrace:alert:{alert}"


def alerts_key() -> str:
    """The alerts by their begin: a sorted set of ids."""
    return "millrace:alerts"


def jobs_key(application: str) -> str:
    """The jobs of an application by the time they were made: a sorted set of ids."""
    return f"millrace:{application}:jobs"


def diagnostic_key(application: str, run: str, digest: str) -> str:
    """A computed diagnostic of a run; the digest is that of its id and parameters."""
    return f"millrace:{application}:diagnostic:{run}:{digest}"


def sql_history_key(application: str, caller: str) -> str:
    """A caller's newest SQL queries, newest first, as a list of JSON."""
    return f"millrace:{application}:sql-history:{caller}"


def sql_saved_key(application: str) -> str:
    """The saved SQL queries: a hash, name -> JSON."""
    return f"millrace:{application}:sql-saved"


BATCH_QUEUE = "millrace-batch"
"""The queue of the batch worker."""

DIAGNOSTICS_QUEUE = "millrace-diagnostics"
"""Its queue for what takes seconds, so that nobody waits for a training to see a figure."""

# MLflow


def online_experiment(application: str) -> str:
    """The experiment that holds the live learner's runs."""
    return f"millrace-{application}-online"


def batch_experiment(application: str) -> str:
    """The experiment that holds the batch trainings."""
    return f"millrace-{application}-batch"


def registered_model(application: str) -> str:
    """The registered model whose versions are an application's batch trainings."""
    return f"millrace-{application}"
