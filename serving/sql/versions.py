"""Tables as they were: `data AS OF VERSION 12`, `data AT (TIMESTAMP => '2026-11-21T10:00:00Z')`.

    text -> tokens -> each table with a version becomes a name of its own: at_version_12.data
         -> text that both parsers read, and the pins: name -> table, version or time

Only whole tokens are looked at, so a text or a remark that looks like it stays what it is. Whatever comes
out is checked by the guard and by the engine like any other text.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType  # type: ignore[attr-defined]

from serving.sql.job import TABLES
from serving.sql.refused import RefusedQuery

MOST_PINS = 8
"""Different versions that one query may read."""

LARGEST = 2**53

_NAMES = (TokenType.VAR, TokenType.IDENTIFIER)
_QUOTED = (TokenType.STRING, TokenType.IDENTIFIER)


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """A table at a version, or as it was at a time (UTC)."""

    table: str
    version: int | None = None
    time: datetime | None = None

    @property
    def name(self) -> str:
        """How the rewritten text calls it: the table's own name, in a schema of its own."""
        if self.time is None:
            return f"at_version_{self.version}.{self.table}"
        return f"at_time_{round(self.time.timestamp() * 1e6)}.{self.table}"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A text without its versions."""

    sql: str
    """What guard and engine read."""
    pins: dict[str, Pin]
    """Name in `sql` -> what it stands for."""
    rest: str
    """The text without the pinned tables: names in it mean the newest version."""


def read(sql: str) -> Reading:
    """Takes the versions out of a text; raises RefusedQuery where one makes no sense."""
    try:
        tokens = DuckDB().tokenize(sql)
    except (SqlglotError, RecursionError):
        return Reading(sql=sql, pins={}, rest=sql)  # the guard says what is wrong with it
    pins: dict[str, Pin] = {}
    new: list[str] = []
    rest: list[str] = []
    done = at = 0
    while at < len(tokens):
        found = _pin(tokens, at)
        if found is None:
            at += 1
            continue
        pin, length = found
        pins[pin.name] = pin
        kept = sql[done : tokens[at].start]
        new += [kept, f" {pin.name} "]
        rest += [kept, " "]
        done = tokens[at + length - 1].end + 1
        at += length
    if len(pins) > MOST_PINS:
        raise RefusedQuery(f"the query reads {len(pins)} versions; at most {MOST_PINS} are allowed")
    return Reading(sql="".join([*new, sql[done:]]), pins=pins, rest="".join([*rest, sql[done:]]))


def _pin(tokens: Sequence[Token], at: int) -> tuple[Pin, int] | None:
    """The pin that starts at a token and how many tokens it takes, or None."""
    if tokens[at].token_type not in _NAMES:
        return None
    following = tokens[at + 1 : at + 6]
    # A quoted word is a name or a text, whatever it spells.
    words = ["" if one.token_type in _QUOTED else one.text.upper() for one in following] + [""] * 5
    kinds = [one.token_type for one in following]
    if words[:2] == ["AS", "OF"] and words[2] in _UNITS:
        literal, length = at + 4, 5
    elif (
        kinds[:2] == [TokenType.VAR, TokenType.L_PAREN]
        and (words[0], words[3]) == ("AT", "=>")
        and words[2] in _UNITS
    ):
        literal, length = at + 5, 7
        if len(tokens) < at + length or tokens[at + 6].token_type is not TokenType.R_PAREN:
            raise RefusedQuery(f"AT ({words[2]} => ...) wants {_UNITS[words[2]]} and a closing parenthesis")
    else:
        return None
    table = tokens[at].text.lower()
    if table not in TABLES:
        raise RefusedQuery(f"there is no table {table!r} with versions; there are {', '.join(TABLES)}")
    unit = words[2]
    given = tokens[literal] if literal < len(tokens) else None
    return (_version if unit == "VERSION" else _time)(table, given), length


_UNITS = {"VERSION": "a whole number", "TIMESTAMP": "a time in quotes, like '2026-11-21T10:00:00Z'"}


def _version(table: str, given: Token | None) -> Pin:
    text = given.text if given is not None and given.token_type is TokenType.NUMBER else ""
    if not (text.isascii() and text.isdigit()) or int(text[:20]) > LARGEST:
        raise _unfit("VERSION", given)
    return Pin(table=table, version=int(text))


def _time(table: str, given: Token | None) -> Pin:
    try:
        if given is None or given.token_type is not TokenType.STRING:
            raise ValueError
        time = datetime.fromisoformat(given.text.strip())
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        return Pin(table=table, time=time)
    except (ValueError, OverflowError):
        raise _unfit("TIMESTAMP", given) from None


def _unfit(unit: str, given: Token | None) -> RefusedQuery:
    shown = "nothing" if given is None else repr(given.text[:40])
    return RefusedQuery(f"{unit} wants {_UNITS[unit]}, not {shown}")
