"""Creates the Delta tables. Safe to run again: a table that exists is left as it is."""

from __future__ import annotations

from deltalake import DeltaTable

from core.applications import APPLICATIONS
from core.declaration import Application
from core.names import EVENT_DATE, Table, table_path
from core.schemas import events_schema

CONFIGURATION: dict[str, str | None] = {
    # A commit every few seconds: without these the log would be listed file by file, and never shrink.
    "delta.checkpointInterval": "100",
    "delta.logRetentionDuration": "interval 1 days",
    "delta.enableExpiredLogCleanup": "true",
    "delta.deletedFileRetentionDuration": "interval 1 days",
}


def events_uri(lake: str, application: str) -> str:
    """Where an application's table `events` lies."""
    return f"{lake}/{table_path(application, Table.EVENTS)}"


def create(lake: str, application: Application) -> bool:
    """Makes the table `events`, partitioned by the day of the event; False when it is there already."""
    uri = events_uri(lake, application.name)
    if DeltaTable.is_deltatable(uri):
        return False
    DeltaTable.create(
        uri,
        events_schema(application),
        mode="ignore",
        partition_by=[EVENT_DATE],
        name=f"{application.name}.{Table.EVENTS}",
        description=application.summary,
        configuration=CONFIGURATION,
    )
    return True


def create_all(lake: str) -> list[str]:
    """Makes what is missing and returns the URIs of the tables made."""
    return [events_uri(lake, name) for name, app in APPLICATIONS.items() if create(lake, app)]
