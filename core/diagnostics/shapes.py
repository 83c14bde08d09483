"""A diagnostic's result as plain data: panels of series over axes. The dashboard draws any of them.

arrays -> Panel(axes, series, marks) -> Result -> JSON -> ui/figures
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

Scale = Literal["linear", "log", "time", "category"]

Cell = float | int | str | None
"""A number, a category's name, or an ISO-8601 time; None draws nothing."""


class Axis(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one direction of a panel means."""

    title: str
    unit: str = ""
    scale: Scale = "linear"
    categories: list[str] = []
    """The positions of a category axis, in order."""
    low: float | None = None
    high: float | None = None
    share: bool = False
    """Values in 0..1 that are read as percentages."""


class Lines(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="lines", tag_field="kind"):
    """A curve, with the range in which it lies where that is known."""

    name: str
    x: list[Cell]
    y: list[Cell]
    low: list[Cell] = []
    high: list[Cell] = []
    step: bool = False
    reference: bool = False
    """What costs nothing, chance, or perfection: drawn grey and dashed."""


class Points(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="points", tag_field="kind"):
    """A cloud. `size`: in units of the typical dot; `text`: what each point tells when pointed at."""

    name: str
    x: list[Cell]
    y: list[Cell]
    size: list[float] = []
    text: list[str] = []


class Bars(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="bars", tag_field="kind"):
    """One bar per category of the panel's category axis, which may be x (upright) or y (lying).

    `low` and `high`: the error of each. Series of the same `stack` stand on one another.
    """

    name: str
    values: list[Cell]
    low: list[Cell] = []
    high: list[Cell] = []
    stack: str = ""


class Heat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="heat", tag_field="kind"):
    """A value per cell: values[row of y][column of x]; both axes are category axes, or linear grids
    when `x` and `y` give the middles of the cells.

    `text`: what stands in the cells. `both_sides`: zero is the middle of the colours.
    """

    name: str
    values: list[list[float | None]]
    text: list[list[str]] = []
    x: list[float] = []
    y: list[float] = []
    low: float | None = None
    high: float | None = None
    both_sides: bool = False


class Parallel(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="parallel", tag_field="kind"
):
    """One line per row over upright axes (`Panel.axes`); rows[i][axis]."""

    name: str
    rows: list[list[Cell]]


Series = Lines | Points | Bars | Heat | Parallel


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line across the panel at an x or at a y, with what it says."""

    text: str
    x: Cell = None
    y: Cell = None


class Panel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One figure. `axes` is for parallel coordinates only."""

    title: str
    x: Axis
    y: Axis
    series: list[Series]
    marks: list[Mark] = []
    axes: list[Axis] = []
    note: str = ""
    wide: bool = False
    """Needs the whole width of a screen."""
    square: bool = False
    """Both directions have the same meaning and length."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A number that belongs to the figure: "AUC 0.982"."""

    title: str
    value: float | int | str | None
    unit: str = ""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows it was computed from."""

    rows: int
    available: int
    split: str
    """train, validation, test, latest, live."""
    how: str = ""
    """In words, where not all were taken: "random, seed 42"."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A computed diagnostic."""

    diagnostic: str
    application: str
    run_id: str
    parameters: dict[str, Any]
    panels: list[Panel]
    facts: list[Fact]
    sample: Sample
    seconds: float
    computed: datetime
    note: str = ""
    """What a reader must know of this very result: refitted on 2,000 rows, a class is missing."""
