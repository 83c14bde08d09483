"""How far an application's events have come, as a small picture.

produced -> valid -> in Delta
               `---> asked -> taught
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from core.api.status import ApplicationStatus
from ui import formats
from ui.figures import look
from ui.figures.look import Option

HEIGHT: Final = 156
_BOX: Final = (66, 58)
"""Width and height of a station in pixels: four of them fit beside one another on a phone."""

_ARROW: Final = "path://M0,5L14,5M9,1L14,5L9,9"


@dataclass(frozen=True, slots=True)
class _Box:
    """One station at a place of the picture; `note` says what is still on its way, or was lost."""

    x: float
    y: float
    title: str
    number: int | None
    note: str
    trouble: bool = False


def pipeline(flow: ApplicationStatus) -> Option:
    """The stations with their counts; a station in trouble is the only coloured thing."""
    stations = _stations(flow)
    produced, valid, stored, asked, taught = stations
    ways = ((produced, valid), (valid, stored), (valid, asked), (asked, taught))
    return look.base(
        grid={"left": 34, "right": 34, "top": 31, "bottom": 31},
        xAxis=look.hidden(min=0, max=3),
        yAxis=look.hidden(min=0, max=1),
        series=[
            {
                "type": "scatter",
                "silent": True,
                "symbol": "roundRect",
                "symbolSize": list(_BOX),
                "clip": False,
                "data": [_node(station) for station in stations],
            },
            {
                "type": "scatter",
                "silent": True,
                "symbol": _ARROW,
                "symbolSize": [13, 8],
                "itemStyle": {"color": "transparent", "borderColor": look.NAIVE, "borderWidth": 1.4},
                "data": [_arrow(*way) for way in ways],
            },
        ],
    )


def rejected_share(flow: ApplicationStatus) -> float | None:
    """Share of the looked-at events that were refused."""
    if flow.valid is None or flow.rejected is None or not flow.valid + flow.rejected:
        return None
    return flow.rejected / (flow.valid + flow.rejected)


TOO_MANY_REJECTED: Final = 0.05
"""Share of refused events above which something is wrong with a producer."""


def _stations(flow: ApplicationStatus) -> tuple[_Box, _Box, _Box, _Box, _Box]:
    refused = rejected_share(flow)
    failed = flow.learner is not None and flow.learner.state in ("failed", "lost")
    return (
        _Box(
            0,
            0.5,
            "Produced",
            flow.produced,
            _note(_behind(flow.produced, flow.valid, flow.rejected), "to check"),
        ),
        _Box(
            1, 0.5, "Valid", flow.valid, _note(flow.rejected, "rejected"), (refused or 0) > TOO_MANY_REJECTED
        ),
        _Box(2, 1, "In Delta", flow.delta_rows, _note(_behind(flow.valid, flow.delta_rows), "to store")),
        _Box(2, 0, "Asked", flow.asked, _note(flow.lag, "to ask"), failed),
        _Box(3, 0, "Taught", flow.taught, _note(flow.pending, "to teach"), failed),
    )


def _behind(before: int | None, *after: int | None) -> int | None:
    """How many have not arrived. Counts are read one after another, so the difference may dip below zero."""
    known = [number for number in after if number is not None]
    if before is None or len(known) < len(after):
        return None
    return max(0, before - sum(known))


def _note(number: int | None, word: str) -> str:
    return f"{formats.compact(number)} {word}"


def _node(box: _Box) -> Option:
    note: Option = {"color": look.RED} if box.trouble else {}
    return {
        "value": [box.x, box.y],
        "itemStyle": {
            "color": look.FILL,
            "opacity": 1,
            "borderColor": look.RED,
            "borderWidth": 1.5 if box.trouble else 0,
        },
        "label": look.CENTRE
        | {
            "show": True,
            "formatter": f"{{t|{box.title}}}\n{{n|{formats.compact(box.number)}}}\n{{s|{box.note}}}",
            "rich": {
                "t": {"fontSize": 11, "lineHeight": 15},
                "n": {"fontSize": 15, "fontWeight": 600, "lineHeight": 19},
                "s": {"fontSize": 10, "lineHeight": 14} | note,
            },
        },
    }


def _arrow(start: _Box, end: _Box) -> Option:
    """An arrow in the gap between two stations, leaning towards the second."""
    return {
        "value": [(start.x + end.x) / 2, (start.y + end.y) / 2],
        "symbolRotate": (end.y - start.y) * 56,
    }
