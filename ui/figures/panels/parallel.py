"""One line per row over upright axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.diagnostics.shapes import Axis, Panel, Parallel
from ui.figures import look
from ui.figures.look import Option
from ui.figures.panels.axes import Direction


def option(panel: Panel, groups: Sequence[Parallel]) -> Option:
    """One colour per group; dragging along an axis keeps the rows that pass there."""
    axes = [_direction(axis) for axis in panel.axes]
    many = sum(len(group.rows) for group in groups)
    opacity = 0.6 if many <= 60 else 0.3 if many <= 300 else 0.16
    names = [group.name for group in groups]
    return look.base(
        legend={"show": len(names) > 1, "data": names, "type": "scroll", "left": 4, "top": 0}
        | {"itemWidth": 16, "itemHeight": 3, "textStyle": {"fontSize": look.SMALL}},
        tooltip={"show": False},
        parallel={
            "left": 62,
            "right": 74,
            "top": 62,
            "bottom": 24,
            "parallelAxisDefault": {
                "nameLocation": "end",
                "nameGap": 14,
                "nameTextStyle": _text(),
                "nameTruncate": {
                    "maxWidth": max(40, (900 if panel.wide else 340) // max(1, len(axes) - 1) - 8)
                },
                "axisLabel": _text(showMinLabel=True, showMaxLabel=True, hideOverlap=True),
                "axisLine": {"lineStyle": {"color": look.ROAD}},
                "axisTick": {"show": False},
                "splitLine": {"show": False},
            },
        },
        media=[
            {"query": {"maxWidth": 400}, "option": {"parallelAxis": [_tilted(n) for n in range(len(axes))]}}
        ],
        parallelAxis=[_axis(n, one) for n, one in enumerate(axes)],
        series=[
            {
                "type": "parallel",
                "name": group.name,
                "data": [
                    [one.place(cell) for one, cell in zip(axes, row, strict=False)] for row in group.rows
                ],
                "lineStyle": {"width": 1.2, "opacity": opacity},
                "inactiveOpacity": 0.03,
                "activeOpacity": 0.7,
                "progressive": 0,
            }
            for group in groups
        ],
    )


def _axis(n: int, one: Direction) -> Option:
    return {"dim": n, **_trimmed(one.option(upright=False))}


def _tilted(n: int) -> Option:
    """On a phone the axes stand too close for their names to lie side by side: every other one stays."""
    return {"dim": n, "nameTextStyle": {"opacity": 1 - n % 2}, "nameTruncate": {"maxWidth": 90}}


def _trimmed(axis: Option) -> Option:
    """The parts of an axis that a parallel one has, too."""
    kept = ("type", "name", "data", "min", "max", "scale")
    found: dict[str, Any] = {name: axis[name] for name in kept if name in axis}
    return found


def _direction(axis: Axis) -> Direction:
    names: tuple[str, ...] = tuple(axis.categories)
    return Direction(axis=axis, categories=names, low=None, high=None, zero=False, beyond=(), room=400)


def _text(**more: Any) -> Option:
    return {"fontSize": look.SMALL - 1} | more
