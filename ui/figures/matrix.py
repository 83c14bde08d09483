"""What was answered against what was true."""

from __future__ import annotations

from collections.abc import Mapping

from ui import formats
from ui.figures import look
from ui.figures.look import Option


def confusion(cells: Mapping[str, int], positive: str) -> Option:
    """Two rows (the truth) by two columns (the answer), shaded by the share of its row.

    `cells` counts tp, fp, tn, fn; `positive` is the word for the positive class.
    """
    yes, no = positive.lower(), f"not {positive.lower()}"
    rows = ((cells.get("tp", 0), cells.get("fn", 0)), (cells.get("fp", 0), cells.get("tn", 0)))
    data = [
        {"value": [column, row, _share(number, sum(pair))], "label": {"formatter": _text(number, sum(pair))}}
        for row, pair in enumerate(rows)
        for column, number in enumerate(pair)
    ]
    label = {"fontSize": look.SMALL, "interval": 0}
    return look.base(
        grid=look.grid(top=30, left=4, right=4, bottom=4),
        xAxis=look.axis("category", data=[f"said {yes}", f"said {no}"], position="top", axisLabel=label),
        yAxis=look.axis("category", data=[f"was {yes}", f"was {no}"], inverse=True),
        visualMap={
            "show": False,
            "min": 0,
            "max": 1,
            "dimension": 2,
            "inRange": {"color": list(look.SHADES)},
        },
        series=[
            {
                "type": "heatmap",
                "data": data,
                "silent": True,
                "label": look.CENTRE
                | {"show": True, "rich": {"n": {"fontSize": 17, "fontWeight": 600, "lineHeight": 24}}},
                "itemStyle": {"borderRadius": 6, "borderWidth": 0},
            }
        ],
    )


def _share(number: int, total: int) -> float:
    return number / total if total else 0.0


def _text(number: int, total: int) -> str:
    return f"{{n|{formats.count(number)}}}\n{formats.share(number / total if total else None)}"
