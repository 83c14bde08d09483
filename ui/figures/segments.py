"""Groups of entities: how large they are and in what they differ."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Final

from core.records import Segment
from ui import formats
from ui.figures import look
from ui.figures.look import Option

SPREAD_SHOWN: Final = 2.0
"""Standard deviations between segments at which a colour or a bar is full."""


def names(segments: Sequence[Segment]) -> list[str]:
    """The inputs that every segment's profile has, in the order of the first."""
    if not segments:
        return []
    return [name for name in segments[0].profile if all(name in one.profile for one in segments)]


def spread(segments: Sequence[Segment], name: str) -> tuple[float, float]:
    """Mean and standard deviation of an input over all members, segment by segment."""
    total = sum(one.size for one in segments) or 1
    mean = sum(one.profile[name] * one.size for one in segments) / total
    return mean, sqrt(sum((one.profile[name] - mean) ** 2 * one.size for one in segments) / total)


def offset(segments: Sequence[Segment], segment: Segment, name: str) -> float:
    """How far a segment lies from the mean of all, in standard deviations between segments."""
    mean, deviation = spread(segments, name)
    return (segment.profile[name] - mean) / deviation if deviation > 1e-12 else 0.0


ROW: Final = 28
"""Height of a row of bars or cells in pixels."""


def sizes(segments: Sequence[Segment]) -> Option:
    """Members per segment as bars, with their share."""
    total = sum(one.size for one in segments) or 1
    bars = [
        {
            "value": one.size,
            "label": {"formatter": f"{formats.count(one.size)}  ({formats.share(one.size / total, 0)})"},
        }
        for one in segments
    ]
    return look.base(
        grid=look.grid(right=84, top=4, bottom=4),
        xAxis=look.hidden(),
        yAxis=look.axis("category", data=[f"Segment {one.number}" for one in segments], inverse=True),
        series=[
            {
                "type": "bar",
                "data": bars,
                "barWidth": 14,
                "silent": True,
                "itemStyle": {"borderRadius": 3},
                "label": {"show": True, "position": "right", "fontSize": look.SMALL},
            }
        ],
    )


def profiles(segments: Sequence[Segment]) -> Option:
    """One row per input, one column per segment: its mean, shaded by how far it is from all others."""
    inputs = names(segments)
    cells = [
        {
            "value": [column, row, offset(segments, one, name)],
            "label": {"formatter": _mean(one.profile[name])},
        }
        for row, name in enumerate(inputs)
        for column, one in enumerate(segments)
    ]
    return look.base(
        grid=look.grid(top=24, left=4, right=4, bottom=4),
        xAxis=look.axis("category", data=[f"S{one.number}" for one in segments], position="top"),
        yAxis=look.axis("category", data=[formats.words(name) for name in inputs], inverse=True),
        visualMap={
            "show": False,
            "min": -SPREAD_SHOWN,
            "max": SPREAD_SHOWN,
            "dimension": 2,
            "inRange": {"color": list(look.BOTH_SIDES)},
        },
        series=[
            {
                "type": "heatmap",
                "data": cells,
                "silent": True,
                "label": look.CENTRE | {"show": True, "fontSize": look.SMALL},
                "itemStyle": {"borderRadius": 4, "borderWidth": 0},
            }
        ],
    )


def profile_of(segment: Segment, segments: Sequence[Segment], most: int = 8) -> Option:
    """What sets one segment apart: the inputs farthest from the mean of all, as bars to either side."""
    told = telling(segment, segments, most)
    bars = []
    for name in told:
        far = max(-SPREAD_SHOWN, min(SPREAD_SHOWN, offset(segments, segment, name)))
        text = f"{_mean(segment.profile[name])} (all {_mean(spread(segments, name)[0])})"
        color = look.BLUE if far >= 0 else look.AMBER
        bars.append({"value": far, "itemStyle": {"color": color}, "label": {"formatter": text}})
    return look.base(
        grid=look.grid(top=4, bottom=4),
        xAxis=look.hidden(min=-SPREAD_SHOWN, max=SPREAD_SHOWN * 3),
        yAxis=look.axis("category", data=[formats.words(name) for name in told], inverse=True),
        series=[
            {
                "type": "bar",
                "data": bars,
                "barWidth": 12,
                "silent": True,
                "itemStyle": {"borderRadius": 3},
                # Right of a bar that points left is the middle line: no text lies over the names.
                "label": {"show": True, "position": "right", "fontSize": look.SMALL},
            }
        ],
    )


def behaviour(segment: Segment, field: str, most: int = 8) -> Option:
    """The values of one field that the segment's recent events show most, as bars with their counts."""
    found = segment.top.get(field, [])[:most]
    return look.base(
        grid=look.grid(right=64, top=4, bottom=4),
        xAxis=look.hidden(),
        yAxis=look.axis(
            "category",
            data=[value for value, _ in found],
            inverse=True,
            axisLabel={"fontSize": look.SMALL, "width": 150, "overflow": "truncate"},
        ),
        series=[
            {
                "type": "bar",
                "data": [
                    {"value": count, "label": {"formatter": formats.count(count)}} for _, count in found
                ],
                "barWidth": 14,
                "silent": True,
                "itemStyle": {"borderRadius": 3},
                "label": {"show": True, "position": "right", "fontSize": look.SMALL},
            }
        ],
    )


def telling(segment: Segment, segments: Sequence[Segment], most: int = 8) -> list[str]:
    """The inputs in which a segment differs most from all, the farthest first."""
    known = [name for name in names(segments) if name in segment.profile]
    return sorted(known, key=lambda name: -abs(offset(segments, segment, name)))[:most]


def _mean(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
