"""The drift report as panels: which inputs have moved, and how the most drifted ones look on both sides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from core.diagnostics.shapes import Axis, Bars, Cell, Mark, Panel
from core.drift import MODERATE, STRONG, InputDrift
from models.drift.distances import Bins

MOST_INPUTS = 25
MOST_SHOWN = 4
MOST_BARS = 15

REFERENCE, NEWEST = "Reference", "Newest"


def panels(drifts: Sequence[InputDrift], bins: Mapping[str, Bins]) -> list[Panel]:
    """The most drifted first, as given."""
    made = [_stability(drifts[:MOST_INPUTS])]
    made += [_sides(one, bins[one.name]) for one in drifts[:MOST_SHOWN]]
    nulls = [one for one in drifts if one.reference.nulls or one.newest.nulls]
    if nulls:
        made.append(_nulls(nulls[:MOST_INPUTS]))
    return made


def _stability(drifts: Sequence[InputDrift]) -> Panel:
    return Panel(
        title="How far each input has moved",
        x=Axis(title="Population stability index", low=0),
        y=_named(drifts),
        series=[Bars(name="PSI", values=_cells(one.psi for one in drifts))],
        marks=[Mark(text="moderate", x=MODERATE), Mark(text="strong", x=STRONG)],
        note="Below the first line nothing has changed that matters; beyond the second, train anew.",
        wide=True,
    )


def _sides(one: InputDrift, bins: Bins) -> Panel:
    """The shares of both sides over the same bins, the commonest ones."""
    shares = [side / side.sum() for side in (bins.reference, bins.newest)]
    either = np.maximum(*shares)
    kept = np.sort(np.argsort(-either, kind="stable")[:MOST_BARS])
    kept = kept[either[kept] > 0]
    left_out = int(np.sum(either > 0)) - len(kept)
    return Panel(
        title=f"{one.name}: {one.verdict}",
        x=Axis(title=one.name, scale="category", categories=[bins.labels[place] for place in kept]),
        y=Axis(title="Share of rows", share=True, low=0),
        series=[
            Bars(name=name, values=_cells(side[kept]))
            for name, side in zip((REFERENCE, NEWEST), shares, strict=True)
        ],
        note=f"{left_out} rarer values are not shown." if left_out else "",
    )


def _nulls(drifts: Sequence[InputDrift]) -> Panel:
    return Panel(
        title="Rows without a value",
        x=Axis(title="Share of rows", share=True, low=0),
        y=_named(drifts),
        series=[
            Bars(name=REFERENCE, values=_cells(one.reference.nulls for one in drifts)),
            Bars(name=NEWEST, values=_cells(one.newest.nulls for one in drifts)),
        ],
    )


def _named(drifts: Sequence[InputDrift]) -> Axis:
    return Axis(title="Input", scale="category", categories=[one.name for one in drifts])


def _cells(values: Iterable[float]) -> list[Cell]:
    return [float(f"{value:.6g}") for value in values]
