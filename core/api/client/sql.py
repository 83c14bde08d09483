"""What SQL adds to the client beside `query` and `schema`: pages, plans, files, history, saved queries.

SqlClient.query(...) -> QueryAnswer with a cursor -> page(cursor) ... until there is none
"""

from __future__ import annotations

from urllib.parse import quote

from core.api.client.base import ATTEMPTS, Client
from core.api.sql import (
    CancelledAnswer,
    PlanAnswer,
    QueryAnswer,
    RanQuery,
    SavedAnswer,
    SavedQuery,
    SqlHistoryAnswer,
    TableRows,
    TableRowsAnswer,
    TemplateAnswer,
    TemplatesAnswer,
)


class SqlClient(Client):
    """The client with all of SQL."""

    def page(self, application: str, cursor: str) -> QueryAnswer:
        """The page that a cursor leads to, of the same versions; status 400 once it has expired."""
        body = {"application": application, "cursor": cursor}
        response = self._call(
            "POST", "/api/v1/sql/query", json=body, timeout=self._sql_timeout, attempts=ATTEMPTS
        )
        return self._decode(response, QueryAnswer)

    def ask(self, application: str, sql: str, limit: int, query_id: str) -> QueryAnswer:
        """Like `query`, with at most `limit` rows a page and an id by which `stop_query` stops it."""
        body = {"application": application, "sql": sql, "limit": limit, "query_id": query_id}
        response = self._call("POST", "/api/v1/sql/query", json=body, timeout=self._sql_timeout)
        return self._decode(response, QueryAnswer)

    def stop_query(self, query_id: str) -> None:
        """Stops a query of one's own; a problem with status 404 where it is not under way."""
        response = self._call("DELETE", f"/api/v1/sql/queries/{quote(query_id, safe='')}")
        self._decode(response, CancelledAnswer)

    def plan(self, application: str, sql: str, analyze: bool) -> PlanAnswer:
        """How the engine runs a query; with `analyze` it is run and measured."""
        body = {"application": application, "sql": sql, "analyze": analyze}
        response = self._call("POST", "/api/v1/sql/plan", json=body, timeout=self._sql_timeout)
        return self._decode(response, PlanAnswer)

    def export(self, application: str, sql: str, format: str) -> bytes:  # noqa: A002 - as the API calls it
        """The rows of a query as a file: "csv" or "parquet"."""
        body = {"application": application, "sql": sql, "format": format}
        return self._call("POST", "/api/v1/sql/export", json=body, timeout=self._sql_timeout).content

    def templates(self, application: str) -> list[TemplateAnswer]:
        """The queries that the declaration suggests."""
        return self._get(f"/api/v1/sql/{application}/templates", TemplatesAnswer).templates

    def table_rows(self, application: str) -> list[TableRows]:
        """How many rows each table has."""
        return self._get(f"/api/v1/sql/{application}/rows", TableRowsAnswer).tables

    def queries(self, application: str) -> list[RanQuery]:
        """The caller's own history, newest first."""
        return self._get(f"/api/v1/sql/{application}/history", SqlHistoryAnswer).queries

    def forget_queries(self, application: str) -> None:
        """Clears the caller's own history."""
        self._call("DELETE", f"/api/v1/sql/{application}/history", attempts=ATTEMPTS)

    def saved(self, application: str) -> list[SavedQuery]:
        """The saved queries, by name."""
        return self._get(f"/api/v1/sql/{application}/saved", SavedAnswer).queries

    def save(self, application: str, name: str, sql: str, title: str) -> SavedQuery:
        """Keeps a query under a name."""
        body = {"sql": sql, "title": title}
        return self._decode(self._call("PUT", _saved(application, name), json=body), SavedQuery)

    def delete_saved(self, application: str, name: str) -> list[SavedQuery]:
        """Deletes a saved query; returns those that are left."""
        return self._decode(self._call("DELETE", _saved(application, name)), SavedAnswer).queries


def _saved(application: str, name: str) -> str:
    return f"/api/v1/sql/{application}/saved/{quote(name, safe='')}"
