"""Whether a text is one query over known tables and functions, by sqlglot's reading of it.

DuckDB reads the same text for itself in `engine`, and the worker's process has limits of its own:
this check is the polite one, which says in plain words what is allowed.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from serving.sql.functions import TABLE_FUNCTIONS, refused_function
from serving.sql.job import TABLES
from serving.sql.refused import RefusedQuery, UnreadQuery

LONGEST = 20_000
"""Characters of a query."""

# sqlglot reports what it reads only in part; the engine's own answer is better than a line in the log.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


def check(sql: str, pins: Collection[str] = ()) -> None:
    """Raises RefusedQuery unless `sql` is one query over known tables, its CTEs and harmless functions.

    `pins` are names with a schema that stand for known tables at a version (see `versions`).
    """
    if len(sql) > LONGEST:
        raise RefusedQuery(f"the query has {len(sql)} characters; at most {LONGEST} are allowed")
    if "\0" in sql:
        raise RefusedQuery("the query holds a NUL character")
    tree = _parse(sql)
    if not isinstance(tree, exp.Query | exp.Values):
        raise RefusedQuery(f"only queries are allowed (SELECT, WITH, VALUES, FROM); this is {_kind(tree)}")
    for node in tree.walk():
        _check_node(node, _visible_names(node) if isinstance(node, exp.Table) else frozenset(), pins)


def _parse(sql: str) -> exp.Expr:
    try:
        found = [one for one in sqlglot.parse(sql, dialect="duckdb") if one is not None]
    except RecursionError:
        raise UnreadQuery("the query is nested too deeply") from None
    except SqlglotError as error:
        raise UnreadQuery(f"the query can't be read: {_plain(error)}") from None
    if len(found) != 1:
        count = len(found) or "no"
        raise RefusedQuery(f"exactly one statement is allowed; the text holds {count}")
    first: exp.Expr = found[0]
    return first


def _plain(error: SqlglotError) -> str:
    """sqlglot's message without the terminal's underlining."""
    details = getattr(error, "errors", None)
    if details:
        one = details[0]
        return f"{one['description']} (line {one['line']}, column {one['col']}, at {one['highlight']!r})"
    return str(error).splitlines()[0]


def _kind(tree: exp.Expr) -> str:
    if isinstance(tree, exp.Command):
        return str(tree.this).upper()
    return type(tree).__name__.upper()


_FORBIDDEN = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Copy, exp.Attach, exp.Detach, exp.Pragma, exp.Set)


def _check_node(node: exp.Expr, names: frozenset[str], pins: Collection[str]) -> None:
    if isinstance(node, _FORBIDDEN) and not isinstance(node, exp.Query):
        raise RefusedQuery(f"{_kind(node)} is not allowed inside a query")
    if isinstance(node, exp.Table):
        _check_table(node, names, pins)
    elif isinstance(node, exp.Parameter | exp.SessionParameter):
        raise RefusedQuery("parameters are not allowed")
    elif isinstance(node, exp.Func) and refused_function(_function_name(node)):
        raise RefusedQuery(f"the function {_function_name(node)} is not allowed")


def _check_table(table: exp.Table, names: frozenset[str], pins: Collection[str]) -> None:
    if table.args.get("when") is not None:
        raise RefusedQuery("AT (VERSION => 12) stands right behind a table's name, nowhere else")
    if isinstance(table.this, exp.Func):
        name = _function_name(table.this)
        if name.lower() not in TABLE_FUNCTIONS:
            allowed = ", ".join(sorted(TABLE_FUNCTIONS))
            raise RefusedQuery(f"the table function {name} is not allowed; there are {allowed}")
        return
    shown = ".".join(part.name for part in table.parts)
    if shown.lower() in pins and len(table.parts) > 1:
        return
    if table.db or table.catalog or table.name.lower() not in names:
        raise RefusedQuery(f"there is no table {shown!r}; there are {', '.join(TABLES)}")


def _visible_names(table: exp.Table) -> frozenset[str]:
    """The known tables and the CTEs of every query around a table. DuckDB itself checks their order."""
    names = set(TABLES)
    node: exp.Expr | None = table
    while node is not None:
        with_ = node.args.get("with_")
        if with_:
            names.update(cte.alias.lower() for cte in with_.expressions)
        node = node.parent
    return frozenset(names)


def named_tables(sql: str) -> list[str]:
    """The tables whose names stand anywhere in the text: at least those that the query reads."""
    text = sql.lower()
    return [name for name in TABLES if name in text]


def _function_name(function: exp.Func) -> str:
    if isinstance(function, exp.Anonymous):
        return str(function.this)
    if isinstance(function, exp.GenerateSeries | exp.ExplodingGenerateSeries):
        return "generate_series"
    return str(function.sql_name())
