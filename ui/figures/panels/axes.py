"""What a direction of a panel does to values: shares become per cent, logs lose what they can't show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from core.diagnostics.shapes import Axis, Bars, Cell, Heat, Lines, Panel, Points
from ui import formats
from ui.figures import look
from ui.figures.look import Option

LABEL_SHARE: Final = 0.36
"""As much of a figure may a category's name take before it is cut off; the tooltip has it whole."""

WIDEST: Final = 250
"""Pixels of a name, at most."""

LETTER: Final = 6.6
"""Pixels of a letter, about."""

ALL_NAMED: Final = 45
"""As many categories are all named; of more only some."""


@dataclass(frozen=True)
class Direction:
    """An axis, with what the panel's series put on it."""

    axis: Axis
    categories: tuple[str, ...]
    low: float | None
    """Least and greatest number in the data, in the unit in which it is drawn; None without numbers."""
    high: float | None
    zero: bool
    """Bars stand on 0."""
    beyond: tuple[float, ...]
    """Where marks lie: the axis reaches them."""
    room: int
    """Pixels along it, about."""

    @property
    def category(self) -> bool:
        """Whether places are names."""
        return self.axis.scale == "category"

    @property
    def factor(self) -> int:
        """What a value is multiplied with."""
        return 100 if self.axis.share else 1

    @property
    def crowded(self) -> bool:
        """Whether the names do not fit side by side."""
        return sum(min(self.label, len(name) * LETTER) + 12 for name in self.categories) > self.room

    @property
    def label(self) -> int:
        """Pixels that a name may take."""
        return int(min(WIDEST, self.room * LABEL_SHARE))

    def place(self, cell: Cell) -> Cell:
        """Where a value stands on the axis; None where it can't."""
        if cell is None or isinstance(cell, str) or self.category:
            return cell
        value = _number(cell, self.factor)
        return None if value is None or (self.axis.scale == "log" and value <= 0) else value

    def said(self, cell: Cell) -> str:
        """A value in words: 82.3 %, 1,204 s, Rain."""
        if self.category and isinstance(cell, int) and 0 <= cell < len(self.categories):
            return self.categories[cell]
        if cell is None or isinstance(cell, str):
            return formats.UNKNOWN if cell is None else cell[:19].replace("T", " ") if self._time else cell
        if self.axis.share:
            return formats.share(cell)
        return f"{number(cell)} {self.axis.unit}".strip()

    def printf(self) -> str:
        """The format of the tooltip's numbers."""
        if self.axis.share:
            return "%.1f %%"
        unit = f" {self.axis.unit}".replace("%", "%%") if self.axis.unit else ""
        most = max((abs(one) for one in (self.low, self.high) if one is not None), default=0.0)
        return ("%,.0f" if most >= 10_000 else "%,.1f" if most >= 100 else "%.4g") + unit

    def sign(self) -> str:
        """What follows a number: " %", " km" or nothing."""
        return " %" if self.axis.share else f" {self.axis.unit}" if self.axis.unit else ""

    def name(self) -> str:
        """Title and unit."""
        unit = "" if self.axis.share or not self.axis.unit else f" ({self.axis.unit})"
        return f"{self.axis.title}{unit}"

    def option(self, upright: bool) -> Option:
        """The axis as ECharts wants it. The upright one is named above it, so that nobody tilts the head."""
        above = "start" if self.category else "end"
        where: Option = (
            {"nameLocation": above, "nameGap": 12, "nameTextStyle": _text(align="left")}
            if upright
            else {"nameLocation": "middle", "nameGap": 28, "nameTextStyle": _text()}
        )
        return look.axis(
            {"linear": "value"}.get(self.axis.scale, self.axis.scale),
            name=self.name(),
            axisLine={"show": False, "onZero": False},
            **where,
            **(self._names(upright) if self.category else self._numbers(upright)),
        )

    @property
    def _time(self) -> bool:
        return self.axis.scale == "time"

    def _names(self, upright: bool) -> Option:
        label = _text(hideOverlap=True, overflow="truncate", width=self.label)
        if len(self.categories) <= ALL_NAMED:
            label["interval"] = 0
        if not upright and self.crowded:
            label |= {"rotate": 40 if len(self.categories) <= 24 else 90, "width": 96}
        return {
            "data": list(self.categories),
            "inverse": upright,
            "axisLabel": label,
            "splitLine": {"show": False},
        }

    def _numbers(self, upright: bool) -> Option:
        label = _text(hideOverlap=True)
        if self.axis.share:
            label["formatter"] = "{value} %"
        found: Option = {"axisLabel": label, "splitNumber": 5, "scale": not self.zero}
        if not upright:
            found["splitLine"] = {"show": False}
            if not self._time:
                told = f"{self.axis.title} {{value}}{self.sign()}".strip()
                found["axisPointer"] = {"label": {"formatter": told}}
        low, high = self._edges()
        if self.zero and low is None and self.low is not None and self.low < 0:
            # Room for the values that stand beside bars to the left or below.
            found["boundaryGap"] = ["12%", "12%"]
        label |= {name: False for name, end in (("showMinLabel", low), ("showMaxLabel", high)) if _odd(end)}
        return found | {k: v for k, v in (("min", low), ("max", high)) if v is not None}

    def _edges(self) -> tuple[float | None, float | None]:
        """The declared ends, else those of marks that lie outside of the data, else the figure decides."""
        low, high = (_number(end, self.factor) for end in (self.axis.low, self.axis.high))
        if self.beyond and self.low is not None and self.high is not None:
            least, most = min(self.beyond), max(self.beyond)
            bottom, top = (min(0.0, self.low), max(0.0, self.high)) if self.zero else (self.low, self.high)
            low = least if low is None and least < bottom else low
            high = most if high is None and most > top else high
        return low, high


def directions(panel: Panel) -> tuple[Direction, Direction]:
    """Both axes of a panel, x first."""
    room = 1_000 if panel.wide else 430
    return (
        _direction(panel, panel.x, 0, room, [mark.x for mark in panel.marks]),
        _direction(panel, panel.y, 1, room, [mark.y for mark in panel.marks]),
    )


def number(value: float) -> str:
    """A number in four digits or all before the point: 0.9823, 12.5, 1,204."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def short(value: float, digits: int) -> float:
    """The value in so many digits, which is enough for a pixel and fewer bytes; infinity never."""
    # The largest numbers that there are, rounded up, would be none.
    found = float(f"{value:.{digits}g}")
    return found if isfinite(found) else value


def _direction(panel: Panel, axis: Axis, which: int, room: int, marked: Iterable[Cell]) -> Direction:
    cells = list(_cells(panel, which))
    factor = 100 if axis.share else 1
    numbers = [n for cell in cells if (n := _number(cell, factor)) is not None]
    names = tuple(axis.categories) or tuple(dict.fromkeys(one for one in cells if isinstance(one, str)))
    numeric = axis.scale in ("linear", "log")
    return Direction(
        axis=axis,
        categories=names if axis.scale == "category" else (),
        low=min(numbers, default=None) if numeric else None,
        high=max(numbers, default=None) if numeric else None,
        zero=any(isinstance(one, Bars) for one in panel.series) and numeric,
        beyond=tuple(n for cell in marked if numeric and (n := _number(cell, factor)) is not None),
        room=room,
    )


def _cells(panel: Panel, which: int) -> Iterator[Cell]:
    """All that the series put on x (0) or y (1)."""
    for one in panel.series:
        match one:
            case Lines() | Points():
                yield from (one.x, one.y)[which]
                if isinstance(one, Lines) and which:
                    yield from _ends(one)
            case Bars():
                # Bars have places on the category axis and values on the other one.
                if (panel.x, panel.y)[which].scale != "category":
                    yield from one.values
                    yield from _ends(one)
            case Heat():
                yield from (one.x, one.y)[which]


def _ends(one: Lines | Bars) -> Iterator[Cell]:
    """The ends of bands or errors."""
    yield from one.low
    yield from one.high


def _number(cell: Any, factor: int) -> float | None:
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return None
    # 0.007 x 100 is 0.7000000000000001, and an axis would say so.
    value = short(cell * factor, 12) if factor != 1 else cell
    return value if isfinite(value) else None


def _odd(end: float | None) -> bool:
    """Whether an axis ends on a number that nobody would write beside it."""
    return end is not None and short(end, 3) != end


def _text(**more: Any) -> Option:
    return {"fontSize": look.SMALL} | more
