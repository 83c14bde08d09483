"""What a batch model reads of an event, derived from the declaration: one form for training and serving.

events joined with features (Arrow) -> frame_of -> data frame -> fit
event, latest features (a dict row) -> frame    -> data frame -> answer

A test proves that both give the same frame. Identifiers, entities, texts, the event time, the label, and what
is known only with the label are no inputs. A clustering reads numbers only: how an entity behaves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.declaration import Application, Category, Clustering, Flag, Leaf, Number, Place, leaves
from core.features import Feature, features
from core.windows import Max, Mean, Share, Sum
from models.base import Row

if TYPE_CHECKING:
    import pyarrow as pa

MISSING = "(missing)"
"""A category that is null."""

FEW = 20
"""A clustering takes the shares of a category's values if it declares at most so many."""

SKEWED = 10.0
"""A clustering takes the logarithm of a number whose usual range spans more than this factor."""


class Input(NamedTuple):
    """One column of the frame: a number or a flag is float64 (NaN is null), a category is text."""

    name: str
    kind: Literal["number", "flag", "category"]
    values: tuple[str, ...] = ()
    """The known values of a category; others may come."""
    unit: str = ""
    help: str = ""
    windowed: bool = False
    path: str = ""
    """The field's dotted path, or the feature's name, that it is made of."""
    share_of: str | None = None
    """1 where the category at `path` has this value, else 0."""
    log: bool = False
    """The column holds ln(1 + x); `unit` is that of x."""
    weight: float = 1.0
    """How much the standardised column counts in a distance: all shares of a category together count as one
    column (multiple factor analysis: B. Escofier and J. Pages, 1994)."""


def inputs(application: Application) -> tuple[Input, ...]:
    """The columns of the frame, in order: fields as declared, then windowed features."""
    if isinstance(application.task, Clustering):
        return _behaviour(application, application.task)
    unknown = {application.label, application.label_delay}
    return (
        *(_field(path, leaf) for path, leaf in leaves(application) if path not in unknown and _told(leaf)),
        *(
            Input(one.name, "number", (), one.unit, one.help, windowed=True, path=one.name)
            for one in features(application)
        ),
    )


def _told(leaf: Leaf) -> bool:
    return isinstance(leaf, Number | Flag | Category)


def _field(path: str, leaf: Leaf) -> Input:
    match leaf:
        case Category(values=values):
            return Input(path, "category", values, "", leaf.help, path=path)
        case Number(unit=unit):
            return Input(path, "number", (), unit, leaf.help, path=path)
        case _:
            return Input(path, "flag", (), "", leaf.help, path=path)


def _behaviour(application: Application, task: Clustering) -> tuple[Input, ...]:
    """Of a clustering: numbers, flags, shares of values, windowed features. No places: where is not how."""
    places = {one.name for one in application.fields if isinstance(one, Place)}
    windowed = features(application)
    shared = {
        (one.aggregate.field, one.aggregate.value)
        for one in windowed
        if isinstance(one.aggregate, Share) and one.windowed.by == task.session
    }
    made: list[Input] = []
    for path, leaf in leaves(application):
        if path.partition(".")[0] in places:
            continue
        match leaf:
            case Category(values=values) if len(values) <= FEW:
                made += [
                    Input(
                        f"{path}={value}",
                        "number",
                        help=leaf.help,
                        path=path,
                        share_of=value,
                        weight=len(values) ** -0.5,
                    )
                    for value in values
                    if (path, value) not in shared
                ]
            case Number() | Flag():
                made.append(_field(path, leaf)._replace(log=_skewed(leaf)))
    fields = dict(leaves(application))
    return (*made, *(_remembered(one, fields) for one in windowed))


def _skewed(leaf: Leaf) -> bool:
    if not isinstance(leaf, Number) or leaf.low < 0:
        return False
    low, high = leaf.form_range
    return high > SKEWED * max(low, 1.0)


def _remembered(one: Feature, fields: Mapping[str, Leaf]) -> Input:
    """Counts and what may grow without bound enter by their logarithm, unless they may be negative."""
    match one.aggregate:
        case Share():
            log = False
        case Sum(field=field) | Mean(field=field) | Max(field=field):
            leaf = fields[field]
            log = isinstance(leaf, Number) and leaf.low >= 0
        case _:
            log = True
    return Input(one.name, "number", unit=one.unit, help=one.help, windowed=True, path=one.name, log=log)


def paths(application: Application) -> tuple[list[str], list[str]]:
    """What the inputs are made of: dotted paths of event fields, names of windowed features."""
    fields = dict.fromkeys(one.path for one in inputs(application) if not one.windowed)
    remembered = dict.fromkeys(one.path for one in inputs(application) if one.windowed)
    return list(fields), list(remembered)


def frame(application: Application, rows: Sequence[Row]) -> pd.DataFrame:
    """Rows as `models.row` makes them -> (n, inputs); what is missing is null."""
    return pd.DataFrame(
        {one.name: _of_cells(one, [x.get(one.path) for x in rows]) for one in inputs(application)}
    )


def frame_of(application: Application, table: pa.Table) -> pd.DataFrame:
    """A table with the columns of `paths` -> (n, inputs)."""
    return pd.DataFrame({one.name: column(one, table) for one in inputs(application)})


def column(one: Input, table: pa.Table) -> Any:
    """One input of every row of a table with the columns of `paths`."""
    import pyarrow.compute as pc

    cells = table[one.path]
    if one.kind == "category":
        encoded = cells.cast("string").combine_chunks().dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return _category(one, codes, encoded.dictionary.to_pylist())
    if one.share_of is not None:
        return pc.equal(cells, one.share_of).fill_null(False).to_numpy().astype(np.float64)
    kind = "uint8" if one.kind == "flag" else "float64"
    return _scaled(one, cells.cast(kind).to_numpy().astype(np.float64))


def _of_cells(one: Input, cells: Sequence[Any]) -> Any:
    if one.kind == "category":
        values = sorted({cell for cell in cells if cell is not None})
        places = {value: n for n, value in enumerate(values)}
        return _category(one, np.array([places.get(cell, -1) for cell in cells], dtype=np.int64), values)
    if one.share_of is not None:
        return np.array([cell == one.share_of for cell in cells], dtype=np.float64)
    return _scaled(one, np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64))


def plain(one: Input, values: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """A number or flag of the frame, (n,), in the input's own unit."""
    numbers = values.to_numpy(np.float64)
    return np.expm1(numbers) if one.log else numbers


def _scaled(one: Input, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.log1p(values) if one.log else values


def _category(one: Input, codes: npt.NDArray[Any], seen: Sequence[str]) -> Any:
    """Text in pandas' compact form: the declared values, MISSING, then others that occur, sorted."""
    known = [*one.values, MISSING]
    known += sorted(set(seen) - set(known))
    places = {value: n for n, value in enumerate(known)}
    table = np.array([*(places[value] for value in seen), places[MISSING]], dtype=np.int64)
    made: Any = pd.Categorical.from_codes(table[codes], dtype=pd.CategoricalDtype(known))
    return made
