"""Arrow columns as values that JSON can hold.

Values that JSON has no word for become null (NaN, infinity, times past the calendar) or text: integers
beyond 64 bits, long decimals. Times are ISO-8601 text, bytes hexadecimal text, structs objects, lists
arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

EXACT_DIGITS = 15
"""Every decimal number of so many digits comes back from a float unchanged."""

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1


def column(array: pa.Array) -> list[Any]:
    """One Arrow column as JSON values."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return column(array.dictionary_decode())
    if pa.types.is_floating(kind):
        return [value if value is None or math.isfinite(value) else None for value in array.to_pylist()]
    if pa.types.is_decimal(kind):
        return [decimal(value) for value in array.to_pylist()]
    if pa.types.is_temporal(kind):
        return _times(array)
    if pa.types.is_struct(kind):
        return _structs(array)
    if pa.types.is_map(kind):
        pairs = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        return column(array.cast(pa.list_(pairs)))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _lists(array, column(array.flatten()))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return [None if value is None else value.hex() for value in array.to_pylist()]
    values: list[Any] = array.to_pylist()
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return values
    return [None if value is None else str(value) for value in values]


def integer(text: str | None) -> int | str | None:
    """A whole number of any size: a number where 64 bits hold it, else its digits."""
    if text is None:
        return None
    value = int(text)
    return value if _SMALLEST <= value <= _LARGEST else text


def decimal(value: Decimal | None) -> int | float | str | None:
    """A decimal as a number where a number says the same, else as its digits."""
    if value is None:
        return None
    if value == value.to_integral_value():
        return integer(str(int(value)))
    return float(value) if len(value.as_tuple().digits) <= EXACT_DIGITS else str(value)


def _times(array: pa.Array) -> list[Any]:
    if pa.types.is_interval(array.type):
        return [
            None if v is None else f"P{v.months}M{v.days}DT{v.nanoseconds / 1e9:g}S"
            for v in array.to_pylist()
        ]
    texts = array.cast(pa.string()).to_pylist()
    if pa.types.is_timestamp(array.type):
        return [None if text is None or text.startswith("<") else text.replace(" ", "T", 1) for text in texts]
    return [None if text is None else str(text) for text in texts]


def _structs(array: pa.StructArray) -> list[Any]:
    names = [field.name for field in array.type]
    inner = [column(child) for child in array.flatten()]
    found = [dict(zip(names, row, strict=True)) for row in zip(*inner, strict=True)]
    return [
        value if there else None for value, there in zip(found, array.is_valid().to_pylist(), strict=True)
    ]


def _lists(array: Any, values: Iterable[Any]) -> list[Any]:
    """Cuts the values of all rows into the lists of each; a null row has none."""
    left = iter(values)
    return [None if n is None else list(islice(left, n)) for n in _lengths(array)]


def _lengths(array: Any) -> list[int | None]:
    if pa.types.is_fixed_size_list(array.type):
        size = array.type.list_size
        return [size if there else None for there in array.is_valid().to_pylist()]
    lengths: list[int | None] = pc.list_value_length(array).to_pylist()
    return lengths
