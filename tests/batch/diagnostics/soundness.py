"""What holds for everything that a diagnostic finds: the drawing relies on it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from batch.diagnostics.subject import MOST_POINTS, Found
from core.diagnostics.shapes import Axis, Bars, Heat, Lines, Panel, Parallel, Points

MOST_BYTES = 500_000
MOST_CURVE = 501
SPLITS = {"train", "validation", "test", "latest", "live"}


def check(found: Found) -> None:
    """Fails with what is wrong."""
    for value in _numbers(msgspec.to_builtins([found.panels, found.facts])):
        assert math.isfinite(value), f"{value} among the numbers"
    assert len(msgspec.json.encode([found.panels, found.facts, found.note])) < MOST_BYTES
    assert 0 <= found.sample.rows <= found.sample.available, found.sample
    assert set(found.sample.split.split(", ")) <= SPLITS
    assert not found.note or found.note.endswith("."), found.note
    assert not found.note[:1].islower(), found.note
    for fact in found.facts:
        assert fact.title
        assert fact.value != ""
    for panel in found.panels:
        check_panel(panel)


def check_panel(panel: Panel) -> None:
    assert panel.title
    assert panel.series, f"{panel.title!r} draws nothing"
    plane = not panel.x.title and not panel.y.title and panel.square
    assert panel.axes or plane or (panel.x.title and panel.y.title), f"{panel.title!r}: an axis has no title"
    points = 0
    for axis in (panel.x, panel.y, *panel.axes):
        assert len(set(axis.categories)) == len(axis.categories), f"{panel.title!r}: a category stands twice"
    for series in panel.series:
        name = f"{panel.title!r}, {series.name!r}"
        assert series.name, name
        match series:
            case Lines():
                _same_lengths(name, series.x, series.y, series.low, series.high)
                assert len(series.x) <= MOST_CURVE, name
                _on(name, panel.x, series.x)
                _on(name, panel.y, series.y)
            case Points():
                _same_lengths(name, series.x, series.y, series.size, series.text)
                points += len(series.x)
                _on(name, panel.x, series.x)
                _on(name, panel.y, series.y)
            case Bars():
                _bars(name, panel, series)
            case Heat():
                _heat(name, panel, series)
            case Parallel():
                assert all(len(row) == len(panel.axes) for row in series.rows), name
    assert points <= MOST_POINTS, f"{panel.title!r} has {points} points"
    for mark in panel.marks:
        assert mark.text
        assert (mark.x is None) != (mark.y is None), f"{panel.title!r}: {mark}"


def _bars(name: str, panel: Panel, series: Bars) -> None:
    category = [axis for axis in (panel.x, panel.y) if axis.scale == "category"]
    assert len(category) == 1, f"{name}: bars stand on one category axis"
    _same_lengths(name, category[0].categories, series.values, series.low, series.high)


def _heat(name: str, panel: Panel, series: Heat) -> None:
    rows = len(series.y or panel.y.categories)
    columns = len(series.x or panel.x.categories)
    assert len(series.values) == rows, name
    assert all(len(row) == columns for row in series.values), name
    assert not series.text or [len(row) for row in series.text] == [columns] * rows, name


def _same_lengths(name: str, first: Sequence[Any], *others: Sequence[Any]) -> None:
    assert len(first), f"{name} is empty"
    assert all(len(one) in (0, len(first)) for one in others), name
    assert len(others[0]) == len(first), name


def _on(name: str, axis: Axis, cells: Sequence[Any]) -> None:
    """Every cell has a place on its axis."""
    known = [cell for cell in cells if cell is not None]
    if axis.scale == "category":
        assert set(known) <= set(axis.categories), f"{name}: {set(known) - set(axis.categories)}"
    elif axis.scale == "time":
        assert all(datetime.fromisoformat(cell).tzinfo for cell in known), name
    else:
        assert all(isinstance(cell, int | float) for cell in known), name
        assert axis.scale != "log" or all(cell > 0 for cell in known), f"{name}: 0 on a logarithmic axis"


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, float | int):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _numbers(one)
    elif isinstance(value, list):
        for one in value:
            yield from _numbers(one)
