"""Payments as tokens: each row becomes positions in one table, all present or absent.

    fields of the row     -> tokens of the row: shared, of naive Bayes alone, of the regression alone
    its windowed features -> tokens of the windows: shared, of the regression alone; none without features

Pure functions of a row. Every slot has a position for what is missing, and every category one for an unknown
value, so the table never grows. Bins are found by comparing with edges, never by logarithms: those of one
library may differ in the last bit from those of another, and `models.compiled.tfd_tokens` must agree.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from typing import Any

from core.applications.tfd import TFD
from core.declaration import Category, leaves
from models.base import Row


@dataclass(frozen=True, slots=True)
class Slot:
    """A range of positions, of which each row that has the slot takes exactly one."""

    inputs: tuple[str, ...]
    """Fields and features that it tells of, by their names in a row."""
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a row becomes tokens: `tokens(row)` gives one position per slot, in order.

    shared | bayes | regression | window_shared | window_regression, the last two only with features.
    """

    name: str
    tokens: Callable[[Row], tuple[int, ...]]
    slots: tuple[Slot, ...]
    shared: int
    """Leading tokens that both parts read."""
    bayes: int
    """Tokens after them that only naive Bayes reads."""
    regression: int
    """Tokens after them that only the regression reads."""
    window_shared: int
    """Tokens of the windows that both parts read; the regression alone reads the rest."""

    @property
    def size(self) -> int:
        """Positions in the table."""
        return self.slots[-1].start + self.slots[-1].size

    @property
    def row(self) -> int:
        """Tokens of the row: how many there are without features."""
        return self.shared + self.bayes + self.regression

    @property
    def fields(self) -> frozenset[str]:
        """The leaves and features that it reads."""
        return frozenset(name for slot in self.slots for name in slot.inputs)


Edges = tuple[float, ...]


def powers(base: float, first: int, last: int, per: int = 1) -> Edges:
    """base^(first/per), ..., base^(last/per)."""
    return tuple(base ** (n / per) for n in range(first, last + 1))


AMOUNTS = powers(2.0, -83, 203, per=12)
"""Twelve bins per doubling from 2^-7 to 2^17: amounts from 0.01 to 100,000; others count as the nearest."""

NO_AMOUNT = len(AMOUNTS) + 1
"""The bin of a missing amount: dividing bins by 3, 6, 12 or 24 keeps it apart from all others."""

AGES = tuple(power - 1.0 for power in powers(2.0, 1, 16))
COUNTS = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 13.0, 18.0, 25.0, 35.0, 50.0, 70.0, 100.0, 140.0, 200.0)
RATIOS = powers(2.0, -15, 15, per=2)
SUMS = powers(2.0, -13, 37, per=2)
DISTANCES = powers(2.0, -2, 8)
SPEEDS = powers(2.0, -6, 10)
PAUSES = powers(4.0, 1, 9)

LEAST_OTHERS = 0.01
"""What a user paid besides, at least, when an amount is compared with it: sums differ in their last bits."""

SHORTEST_HOURS = 1 / 60
"""Added to a pause before a speed is taken, so that two payments at one time have one."""

_FLAGS: dict[Any, int] = {False: 0, True: 1}
FLAG_STATES = 3

CATEGORIES = {path: leaf.values for path, leaf in leaves(TFD) if isinstance(leaf, Category)}
"""The known values of each category; the next position is any other value, the one after it null."""


def of_bins(edges: Edges) -> int:
    """Positions of a number: its bins and null."""
    return len(edges) + 2


_amount_bins = {per: NO_AMOUNT // (12 // per) + 1 for per in (12, 4, 2, 1)}
_wide_amounts = NO_AMOUNT // 24 + 1
_counts = of_bins(COUNTS)


def _slots(declared: Iterable[tuple[int, tuple[str, ...]]]) -> tuple[Slot, ...]:
    made, start = [], 0
    for size, inputs in declared:
        made.append(Slot(inputs, start, size))
        start += size
    return tuple(made)


def _categories(*paths: str) -> list[tuple[int, tuple[str, ...]]]:
    return [(len(CATEGORIES[path]) + 2, (path,)) for path in paths]


def _places(span: str) -> tuple[int, tuple[str, ...]]:
    """How many payments at how many merchants."""
    return _counts * _counts, (f"user_id_{span}_count", f"user_id_{span}_distinct_merchant_id")


SHARED = ("product_category", "payment_method", "transaction_type", "currency")
BAYES = ("device_info.os", "device_info.browser")

SLOTS = _slots(
    [
        (_amount_bins[4], ("amount",)),
        (len(AGES) + 2, ("account_age_days",)),
        (FLAG_STATES, ("cvv_provided",)),
        (FLAG_STATES, ("billing_address_match",)),
        *_categories(*SHARED),
        *_categories(*BAYES),
        (_amount_bins[2], ("amount",)),
        (_amount_bins[12], ("amount",)),
        (_amount_bins[4] * FLAG_STATES, ("amount", "cvv_provided")),
        (_amount_bins[4] * FLAG_STATES, ("amount", "billing_address_match")),
        (FLAG_STATES * FLAG_STATES, ("cvv_provided", "billing_address_match")),
        (
            _amount_bins[1] * (len(CATEGORIES["product_category"]) + 2),
            ("amount", "product_category"),
        ),
        _places("10m"),
        _places("24h"),
        (of_bins(RATIOS), ("amount", "user_id_24h_sum_amount", "user_id_24h_count")),
        (of_bins(DISTANCES), ("user_id_km_from_last",)),
        _places("1h"),
        (of_bins(SPEEDS), ("user_id_km_from_last", "user_id_since_last_s")),
        (of_bins(SUMS), ("user_id_24h_sum_amount",)),
        (of_bins(PAUSES) * _wide_amounts, ("amount", "user_id_since_last_s")),
    ]
)

_START = tuple(slot.start for slot in SLOTS)
_CATEGORY = len(CATEGORIES["product_category"]) + 2


def _positions(path: str) -> tuple[dict[Any, int], int]:
    """Value -> place within its slot, and the place of any other."""
    values = CATEGORIES[path]
    return {value: n for n, value in enumerate(values)} | {None: len(values) + 1}, len(values)


(_category, _no_category), (_method, _no_method), (_type, _no_type), (_currency, _no_currency) = map(
    _positions, SHARED
)
(_os, _no_os), (_browser, _no_browser) = map(_positions, BAYES)


def _bin(edges: Edges, value: Any) -> int:
    """How many edges are at most `value`; one past all bins when it is null."""
    return len(edges) + 1 if value is None or value != value else bisect_right(edges, value)


def tokens(x: Row) -> tuple[int, ...]:
    """The positions of a payment: 16 of the row, and 8 of its windows where features are known.

    Features are known when the count of the last 24 h is: it is never null on a row that came in time.
    """
    get, at = x.get, _START
    amount = get("amount")
    if amount is None or not 0 < amount < inf:
        amount, bin_ = None, NO_AMOUNT
    else:
        bin_ = bisect_right(AMOUNTS, amount)
    fine = bin_ // 3
    days = get("account_age_days")
    cvv = _FLAGS.get(get("cvv_provided"), 2)
    billing = _FLAGS.get(get("billing_address_match"), 2)
    category = _category.get(get("product_category"), _no_category)
    of_row = (
        at[0] + fine,
        at[1] + (len(AGES) + 1 if days is None or not days >= 0 else bisect_right(AGES, days)),
        at[2] + cvv,
        at[3] + billing,
        at[4] + category,
        at[5] + _method.get(get("payment_method"), _no_method),
        at[6] + _type.get(get("transaction_type"), _no_type),
        at[7] + _currency.get(get("currency"), _no_currency),
        at[8] + _os.get(get("device_info.os"), _no_os),
        at[9] + _browser.get(get("device_info.browser"), _no_browser),
        at[10] + bin_ // 6,
        at[11] + bin_,
        at[12] + fine * FLAG_STATES + cvv,
        at[13] + fine * FLAG_STATES + billing,
        at[14] + cvv * FLAG_STATES + billing,
        at[15] + bin_ // 12 * _CATEGORY + category,
    )
    count = get("user_id_24h_count")
    if count is None or count != count:
        return of_row
    return of_row + _window_tokens(x, amount, bin_ // 24, count)


def _window_tokens(x: Row, amount: float | None, wide: int, count: float) -> tuple[int, ...]:
    get, at = x.get, _START
    total = get("user_id_24h_sum_amount")
    pause, moved = get("user_id_since_last_s"), get("user_id_km_from_last")
    ratio = speed = None
    if amount is not None and total is not None and count > 1:
        others = total - amount
        ratio = amount * (count - 1) / (LEAST_OTHERS if others < LEAST_OTHERS else others)
    if pause is not None and moved is not None:
        speed = moved / ((0.0 if pause < 0 else pause) / 3600 + SHORTEST_HOURS)
    return (
        at[16]
        + _bin(COUNTS, get("user_id_10m_count")) * _counts
        + _bin(COUNTS, get("user_id_10m_distinct_merchant_id")),
        at[17]
        + bisect_right(COUNTS, count) * _counts
        + _bin(COUNTS, get("user_id_24h_distinct_merchant_id")),
        at[18] + _bin(RATIOS, ratio),
        at[19] + _bin(DISTANCES, moved),
        at[20]
        + _bin(COUNTS, get("user_id_1h_count")) * _counts
        + _bin(COUNTS, get("user_id_1h_distinct_merchant_id")),
        at[21] + _bin(SPEEDS, speed),
        at[22] + _bin(SUMS, total),
        at[23] + _bin(PAUSES, pause) * _wide_amounts + wide,
    )


PAYMENTS = Encoding(
    name="payments.2",
    tokens=tokens,
    slots=SLOTS,
    shared=8,
    bayes=2,
    regression=6,
    window_shared=4,
)
