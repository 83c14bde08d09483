"""A drift report as one page of HTML that needs nothing else: no script, no other host, figures as SVG.

DriftFound -> facts, table of inputs, panels (bars upright or lying, marks) -> HTML

Names and values come from events and may say anything: every text is escaped. Colours stand in attributes
and in one style sheet, whose digest `POLICY` allows; nothing else may be loaded or run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from core.diagnostics.shapes import Bars, Cell, Panel
from core.drift import DriftFound, InputDrift

STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; margin: 2rem auto;
  max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #dde2e8; }
td.number, th.number { text-align: right; }
.stable { color: #2b6e3f; } .moderate { color: #8a5a00; } .strong { color: #a3212f; font-weight: 600; }
.note { color: #55606e; }
svg { max-width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: #1c2430; }
"""

_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

COLOURS: Final = ("#8a94a3", "#2563b8", "#2b6e3f", "#a3212f")
"""Of series, in order: the reference is grey."""

WIDTH, LABELS, ROW, HEIGHT, BELOW, MARGIN = 860, 240, 18, 220, 90, 40
"""Pixels: of a figure, for names beside lying bars, per lying bar, of upright bars, for names below."""

LONGEST: Final = 34
"""Characters of a name in a figure; the table has it whole."""


def page(found: DriftFound) -> str:
    """The report as a page."""
    title = escape(f"Drift report: {found.application}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n"
        + "\n".join([*_head(found), *_table(found.inputs), *map(_figure, found.result.panels)])
        + "\n</body></html>\n"
    )


def _head(found: DriftFound) -> Iterator[str]:
    reference = f"run {found.run_id}" if found.run_id else "rows of the table"
    facts = {
        "Verdict": f'<span class="{found.verdict}">{found.verdict}</span>',
        "Made": f"{found.result.computed:%Y-%m-%d %H:%M:%S} UTC",
        "Newest rows": f"{found.rows:,} ({escape(found.source)}), {_span(found.start, found.end)}",
        "Reference": f"{found.reference_rows:,} rows of {escape(reference)}, "
        + _span(found.reference_start, found.reference_end),
    }
    yield "<table>"
    yield from (f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in facts.items())
    yield "</table>"
    if found.result.note:
        yield f'<p class="note">{escape(found.result.note)}</p>'
    if found.left_out:
        left_out = escape(", ".join(found.left_out))
        yield f'<p class="note">Not compared, for such rows do not have them: {left_out}.</p>'


def _span(start: object, end: object) -> str:
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"


def _table(inputs: Sequence[InputDrift]) -> Iterator[str]:
    heads = ("PSI", "by chance", "Jensen-Shannon", "KS", "nulls before", "nulls now")
    yield "<h2>Inputs</h2><table><tr><th>Input</th><th>Verdict</th>"
    yield "".join(f'<th class="number">{head}</th>' for head in heads) + "</tr>"
    for one in inputs:
        numbers = (one.psi, one.by_chance, one.jensen_shannon, one.ks)
        shares = (one.reference.nulls, one.newest.nulls)
        cells = [*("-" if value is None else f"{value:.3f}" for value in numbers)]
        cells += [f"{value:.1%}" for value in shares]
        yield f'<tr><td>{escape(one.name)}</td><td class="{one.verdict}">{one.verdict}</td>'
        yield "".join(f'<td class="number">{cell}</td>' for cell in cells) + "</tr>"
    yield "</table>"


def _figure(panel: Panel) -> str:
    """A panel of bars with its title and note; a drift report has no others."""
    bars = [series for series in panel.series if isinstance(series, Bars)]
    drawn = _lying(panel, bars) if panel.y.scale == "category" else _upright(panel, bars)
    note = f'<p class="note">{escape(panel.note)}</p>' if panel.note else ""
    key = '<svg width="12" height="12" role="presentation">{}</svg> {} &#160; '
    keys = "".join(
        key.format(_rect(0, 0, 12, 12, _colour(bars, n)), escape(one.name)) for n, one in enumerate(bars)
    )
    return f"<h2>{escape(panel.title)}</h2><p>{keys}</p>{drawn}{note}"


def _lying(panel: Panel, bars: Sequence[Bars]) -> str:
    names, room = panel.y.categories, WIDTH - LABELS - 60
    high, thick = _highest(panel, bars), ROW // max(1, len(bars))
    height = len(names) * (ROW + 4) + MARGIN
    parts = []
    for row, name in enumerate(names):
        top = row * (ROW + 4)
        parts.append(_text(LABELS - 8, top + 13, _short(name), "end"))
        for n, one in enumerate(bars):
            value = _number(one.values[row])
            long = room * value / high
            parts.append(_rect(LABELS, top + n * thick, long, thick - 1, _colour(bars, n)))
            if len(bars) == 1:
                parts.append(_text(LABELS + long + 6, top + 13, _shown(value, panel.x.share), "start"))
    for mark in panel.marks:
        if (place := _number(mark.x)) and place <= high:
            x = LABELS + room * place / high
            parts.append(_line(x, 0, x, height - MARGIN))
            parts.append(_text(x + 3, height - MARGIN + 14, mark.text, "start"))
    parts.append(_text(LABELS, height - 6, panel.x.title, "start"))
    return _svg(panel.title, height, parts)


def _upright(panel: Panel, bars: Sequence[Bars]) -> str:
    names, high = panel.x.categories, _highest(panel, bars)
    step = (WIDTH - 60) / max(1, len(names))
    thick = step * 0.8 / max(1, len(bars))
    parts = [_text(4, 12, _shown(high, panel.y.share), "start"), _line(50, HEIGHT, WIDTH, HEIGHT)]
    for column, name in enumerate(names):
        left = 55 + column * step
        for n, one in enumerate(bars):
            tall = (HEIGHT - 20) * _number(one.values[column]) / high
            parts.append(_rect(left + n * thick, HEIGHT - tall, thick - 1, tall, _colour(bars, n)))
        x, y = left + step * 0.4, HEIGHT + 12
        parts.append(
            f'<text x="{x:.1f}" y="{y}" transform="rotate(30 {x:.1f} {y})">{escape(_short(name, 18))}</text>'
        )
    return _svg(panel.title, HEIGHT + BELOW, parts)


def _highest(panel: Panel, bars: Sequence[Bars]) -> float:
    values = [_number(value) for one in bars for value in one.values]
    marks = [place for mark in panel.marks if (place := _number(mark.x))]
    # Marks are bounds: the first is always in sight, those that nothing comes near are not.
    return max([*values, *marks[:1]], default=0.0) or 1.0


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0


def _colour(bars: Sequence[Bars], place: int) -> str:
    return COLOURS[1] if len(bars) == 1 else COLOURS[place % len(COLOURS)]


def _shown(value: float, share: bool) -> str:
    return f"{value:.1%}" if share else f"{value:.3g}"


def _short(name: str, longest: int = LONGEST) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    sides = f'width="{max(0, width):.1f}" height="{max(0, height):.1f}"'
    return f'<rect x="{x:.1f}" y="{y:.1f}" {sides} fill="{fill}"/>'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="#55606e" stroke-dasharray="4 3"/>'


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
