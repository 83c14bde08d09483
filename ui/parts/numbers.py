"""The numbers of a panel as CSV: one line per point, bar, cell or row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from csv import writer as writing
from io import StringIO
from typing import Any

from core.diagnostics.shapes import Axis, Bars, Heat, Lines, Panel, Parallel, Points

Row = dict[str, Any]


def csv(panel: Panel) -> bytes:
    """RFC 4180, UTF-8, with a header; values as they were computed (shares in 0..1), unknown ones empty."""
    rows = list(_rows(panel))
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = StringIO()
    writer = writing(text)
    writer.writerow(names)
    writer.writerows([row.get(name) for name in names] for row in rows)
    return text.getvalue().encode()


def _rows(panel: Panel) -> Iterator[Row]:
    x, y = _title(panel.x, "x"), _title(panel.y, "y")
    y = f"{y} (y)" if x == y else y
    for one in panel.series:
        match one:
            case Lines() | Points():
                yield from _points(one, x, y)
            case Bars():
                yield from _bars(one, panel, x, y)
            case Heat():
                yield from _cells(one, panel, x, y)
            case Parallel():
                titles = [_title(axis, f"axis {n}") for n, axis in enumerate(panel.axes)]
                for row in one.rows:
                    yield {"series": one.name} | dict(zip(titles, row, strict=False))


def _points(one: Lines | Points, x: str, y: str) -> Iterator[Row]:
    more: dict[str, Sequence[Any]] = (
        {"low": one.low, "high": one.high} if isinstance(one, Lines) else {"size": one.size, "text": one.text}
    )
    for n, (across, up) in enumerate(zip(one.x, one.y, strict=False)):
        yield {"series": one.name, x: across, y: up} | _at(more, n)


def _bars(one: Bars, panel: Panel, x: str, y: str) -> Iterator[Row]:
    lying = panel.y.scale == "category"
    names, place, along = (panel.y.categories, y, x) if lying else (panel.x.categories, x, y)
    for n, value in enumerate(one.values):
        name = names[n] if n < len(names) else n
        yield {"series": one.name, place: name, along: value} | _at({"low": one.low, "high": one.high}, n)


def _cells(one: Heat, panel: Panel, x: str, y: str) -> Iterator[Row]:
    across: Sequence[Any] = one.x or panel.x.categories
    up: Sequence[Any] = one.y or panel.y.categories
    for row, values in enumerate(one.values):
        for column, value in enumerate(values):
            places = {x: across[column] if column < len(across) else column}
            yield {"series": one.name} | places | {y: up[row] if row < len(up) else row, "value": value}


def _at(more: dict[str, Sequence[Any]], n: int) -> Row:
    return {name: values[n] for name, values in more.items() if n < len(values)}


def _title(axis: Axis, otherwise: str) -> str:
    return f"{axis.title or otherwise} ({axis.unit})" if axis.unit else axis.title or otherwise
