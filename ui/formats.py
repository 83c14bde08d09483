"""How numbers read on a screen; None is always an en dash, never a zero."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from core.declaration import Application, Category, Flag, Number, Text, leaves
from core.metrics import Metric

UNKNOWN: Final = "\N{EN DASH}"

_SPANS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def count(number: float | None) -> str:
    """A whole number with separators: 24,120."""
    return UNKNOWN if number is None else f"{number:,.0f}"


def compact(number: float | None) -> str:
    """A whole number in at most five characters: 938, 24.1k, 1.25M."""
    if number is None:
        return UNKNOWN
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            scaled = number / size
            return f"{scaled:.{2 if abs(scaled) < 10 else 1 if abs(scaled) < 100 else 0}f}{sign}"
    return f"{number:.0f}"


def rate(per_second: float | None) -> str:
    """Events per second: 38, 2.4."""
    if per_second is None:
        return UNKNOWN
    return f"{per_second:,.0f}" if per_second >= 10 or per_second == 0 else f"{per_second:.1f}"


def span(seconds: float | None) -> str:
    """A time span in one unit: 2 s, 3 min, 4 h, 13 d."""
    if seconds is None:
        return UNKNOWN
    for size, unit in _SPANS:
        if abs(seconds) >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def minutes(seconds: float) -> str:
    """Seconds as minutes with one decimal: 1084 -> 18.1 min."""
    return f"{seconds / 60:.1f} min"


def score(metric: Metric, value: float | None) -> str:
    """A score as its metric wants it: 0.912, 214 s, 12.3 %."""
    if value is None:
        return UNKNOWN
    return f"{value:,.{metric.digits}f}" + (f" {metric.unit}" if metric.unit else "")


def share(fraction: float | None, digits: int = 1) -> str:
    """A fraction as per cent: 0.823 -> 82.3 %."""
    return UNKNOWN if fraction is None else f"{fraction * 100:.{digits}f} %"


def since(moment: datetime | None, now: datetime) -> str:
    """How long ago, as a span."""
    return UNKNOWN if moment is None else span((now - moment).total_seconds())


def utc(moment: datetime | None) -> str:
    """A moment as date and time in UTC."""
    return UNKNOWN if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def words(name: str) -> str:
    """A field's name for people: "device_info.os" -> "Device info os"."""
    text = name.replace(".", " ").replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def positive_word(label: str) -> str:
    """What a flag says when true: "is_fraud" -> "Fraud"."""
    return words(label.removeprefix("is_").removeprefix("has_"))


def value(leaf: Any, value: Any) -> str:
    """A field's value with its unit, as Markdown; seconds of a minute or more also in minutes."""
    if value is None or value == "":
        return UNKNOWN
    match leaf, value:
        case Flag(), bool():
            return "yes" if value else "no"
        case Number(unit="s"), int() | float() if value >= 60:
            return f"{value:,.0f} s ({minutes(value)})"
        case Number(unit=unit, integer=integer), int() | float():
            text = f"{value:,.0f}" if integer else f"{value:,.2f}"
            return f"{text} {unit}".strip()
        case Text(), str():
            return f"`{value}`"
        case _:
            return str(value)


def telling_fields(application: Application, most: int = 4) -> list[str]:
    """The first few numbers and categories of an event: what a table row shows of it."""
    return [
        path
        for path, leaf in leaves(application)
        if isinstance(leaf, Number | Category | Flag) and "." not in path and path != application.label
    ][:most]
