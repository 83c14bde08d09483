"""Which functions a query may call: one list, read by guard and engine alike."""

from __future__ import annotations

TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest"})
"""The functions that may stand where a table stands: they make rows from their arguments."""

REFUSED_PREFIXES = (
    "read_",
    "pragma_",
    "duckdb_",
    "parquet_",
    "sniff_",
    "pg_",
    "getenv",
    "write_",
    "json_execute",
)
REFUSED_FUNCTIONS = frozenset(
    {
        "arrow_scan",
        "arrow_scan_dumb",
        "checkpoint",
        "current_query",
        "current_setting",
        "delta_scan",
        "force_checkpoint",
        "getvariable",
        "glob",
        "iceberg_scan",
        "in_search_path",
        "nextval",
        "currval",
        "pandas_scan",
        "python_map_function",
        "query",
        "query_table",
        "repeat_row",
        "seq_scan",
        "sql_auto_complete",
        "which_secret",
    }
)
"""Functions that read files, settings, the catalog, or run text as SQL."""


def refused_function(name: str) -> bool:
    """Whether a function, by its name in any case, looks outside the query's own rows."""
    name = name.lower()
    return name in REFUSED_FUNCTIONS or name.startswith(REFUSED_PREFIXES)
