"""How the engine runs a query: its EXPLAIN as an indented text, without the files of this machine."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import duckdb

from serving.sql.job import Job, Mode, Plan, Why
from serving.sql.rows import QueryFailure, without_paths

LONGEST_VALUE = 500
"""Characters of one property of a step."""

_PATHS = frozenset({"Filename(s)", "File Filters"})
_WRAPPERS = frozenset({"RESULT_COLLECTOR", "EXPLAIN_ANALYZE", "QUERY_ROOT"})
_PREFIX = {Mode.PLAN: "EXPLAIN (FORMAT json)\n", Mode.ANALYZE: "EXPLAIN (ANALYZE, FORMAT json)\n"}


def explained(connection: duckdb.DuckDBPyConnection, job: Job) -> Plan:
    """The plan of a query that was checked; with ANALYZE the query runs, and each step tells what it took."""
    started = time.perf_counter()
    statements = connection.extract_statements(_PREFIX[job.mode] + job.sql)
    if [one.type for one in statements] != [duckdb.StatementType.EXPLAIN]:
        raise QueryFailure(Why.REFUSED, "exactly one SELECT statement is allowed")
    rows = connection.execute(statements[0]).fetchall()
    elapsed_ms = (time.perf_counter() - started) * 1000
    found: Any = json.loads(rows[0][1])
    steps = found["operator"] if isinstance(found, dict) else found
    text = "\n".join(line for step in steps for line in _lines(step, 0))
    return Plan(text=without_paths(text, job.tables), elapsed_ms=round(elapsed_ms, 3))


def _lines(step: dict[str, Any], depth: int) -> Iterator[str]:
    """A step, what it does, and the steps that feed it, each two blanks further in."""
    kind = str(step.get("name") or step.get("type") or "STEP").strip()
    if kind not in _WRAPPERS:
        indent = "  " * depth
        yield f"{indent}{kind}{_measured(step)}"
        for name, value in step.get("extra_info", {}).items():
            shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            if name not in _PATHS and shown:
                yield f"{indent}  - {name}: {shown[:LONGEST_VALUE]}"
        depth += 1
    for child in step.get("children", ()):
        yield from _lines(child, depth)


def _measured(step: dict[str, Any]) -> str:
    if "timing" not in step:
        return ""
    return f"  [{step.get('intermediate_rows', 0)} rows, {step['timing'] * 1000:.3f} ms]"
