"""Creates the Delta tables. Safe to run again: a table that exists is left as it is."""

from __future__ import annotations

from deltalake import DeltaTable

from core.applications import APPLICATIONS
from core.declaration import Application
from core.names import EVENT_DATE, Table, table_path
from core.schemas import TABLES, TableSpec

CONFIGURATION: dict[str, str | None] = {
    # A commit every few seconds: without these the log would be listed file by file, and never shrink.
    "delta.checkpointInterval": "100",
    "delta.logRetentionDuration": "interval 1 days",
    "delta.enableExpiredLogCleanup": "true",
    "delta.deletedFileRetentionDuration": "interval 1 days",
}


def table_uri(lake: str, application: str, table: Table) -> str:
    """Where a table of an application lies."""
    return f"{lake}/{table_path(application, table)}"


def create(lake: str, application: Application, spec: TableSpec) -> bool:
    """Makes a table, partitioned by the day of its rows; False when it is there already."""
    uri = table_uri(lake, application.name, spec.table)
    if DeltaTable.is_deltatable(uri):
        return False
    DeltaTable.create(
        uri,
        spec.schema(application),
        mode="ignore",
        partition_by=[EVENT_DATE],
        name=f"{application.name}.{spec.table}",
        description=application.summary,
        configuration=CONFIGURATION,
    )
    return True


def create_all(lake: str) -> list[str]:
    """Makes what is missing and returns the URIs of the tables made."""
    return [
        table_uri(lake, name, spec.table)
        for name, app in APPLICATIONS.items()
        for spec in TABLES
        if create(lake, app, spec)
    ]
