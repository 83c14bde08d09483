"""A query's result as a table, typed as the engine said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from csv import writer as writing
from io import StringIO
from typing import Any, Final

import pandas as pd

from core.api.sql import QueryAnswer

_NESTED: Final = ("STRUCT", "MAP", "UNION", "JSON")
_WHOLE: Final = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "HUGEINT",
)
_BROKEN: Final = ("DOUBLE", "FLOAT", "REAL", "DECIMAL")


def frame(result: QueryAnswer) -> pd.DataFrame:
    """One column per result column, nulls kept; columns of one name get a number after it."""
    columns: dict[str, pd.Series[Any]] = {}
    for place, column in enumerate(result.columns):
        values = [row[place] for row in result.rows]
        columns[_free(column.name, columns)] = series(values, column.type)
    return pd.DataFrame(columns)


def series(values: Sequence[Any], kind: str) -> pd.Series[Any]:
    """Values as the engine's type, moments in UTC; what does not fit it stays text, nothing is lost."""
    upper = kind.upper()
    try:
        if upper.endswith("[]") or upper.startswith(_NESTED):
            return pd.Series(
                [None if v is None else json.dumps(v, ensure_ascii=False) for v in values], dtype="string"
            )
        if upper.startswith(_WHOLE):
            return pd.Series(values, dtype="Int64")
        if upper.startswith(_BROKEN):
            return pd.Series([None if v is None else float(v) for v in values], dtype="Float64")
        if upper.startswith("BOOL"):
            return pd.Series(values, dtype="boolean")
        if upper.startswith("TIMESTAMP"):
            moments = pd.to_datetime(pd.Series(values, dtype="object"), utc=True, format="ISO8601")
            return pd.Series(moments.dt.tz_localize(None))
    except (ValueError, TypeError, OverflowError):
        pass
    return pd.Series(
        [None if v is None else v if isinstance(v, str) else json.dumps(v) for v in values], dtype="string"
    )


def csv(result: QueryAnswer) -> bytes:
    """The result as CSV (RFC 4180, UTF-8) with a header: values as the API sent them, nulls empty."""
    text = StringIO()
    writer = writing(text)
    writer.writerow([column.name for column in result.columns])
    writer.writerows([_plain(value) for value in row] for row in result.rows)
    return text.getvalue().encode()


def _plain(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _free(name: str, taken: dict[str, Any]) -> str:
    free, n = name, 2
    while free in taken:
        free, n = f"{name}_{n}", n + 1
    return free
