"""Payments as tokens: each row becomes a fixed number of positions in one table, all present or absent.

    amount, age, flags, categories -> (shared tokens, tokens of the Bayes part, tokens of the regression)

Pure functions of a row. Every field has a position for a missing value and one for an unknown value,
so a table never grows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import floor, inf, log2
from typing import Any

from core.applications.tfd import TFD
from core.declaration import Category, leaves
from models.base import Row


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a row becomes tokens: `tokens(row)` gives `shared`, then `bayes`, then `regression` positions."""

    name: str
    tokens: Callable[[Row], tuple[int, ...]]
    size: int
    """Positions in the table."""
    shared: int
    """Leading tokens that both parts read."""
    bayes: int
    """Tokens after them that only naive Bayes reads; the regression alone reads the rest."""
    fields: frozenset[str]
    """The leaves that it reads."""


class _Table:
    """Hands out ranges of positions."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, positions: int) -> int:
        start = self.size
        self.size += positions
        return start


class _Known:
    """A closed list of values: one position each, one for others, one for missing."""

    def __init__(self, table: _Table, values: tuple[Any, ...]) -> None:
        start = table.take(len(values) + 2)
        self.position: Mapping[Any, int] = {v: start + n for n, v in enumerate(values)} | {
            None: start + len(values)
        }
        self.other = start + len(values) + 1


LEAST_LOG2, MOST_LOG2 = -7.0, 17.0
"""Amounts from 0.01 to 100,000 lie between 2^-7 and 2^17; others count as the nearest."""

OLDEST_LOG2 = 16


def _log2(amount: Any) -> float | None:
    """log2 of a positive finite number, within the bins; None of anything else."""
    if amount is None or not 0 < amount < inf:
        return None
    return min(MOST_LOG2, max(LEAST_LOG2, log2(amount)))


_table = _Table()
_declared = {path: leaf.values for path, leaf in leaves(TFD) if isinstance(leaf, Category)}


def _bins(per_octave: int) -> int:
    """Positions of the amount cut into `per_octave` bins per doubling, and one for missing."""
    return round((MOST_LOG2 - LEAST_LOG2) * per_octave) + 2


_AMOUNT_BINS = _bins(4)
_FLAGS: dict[Any, int] = {False: 0, True: 1}
_FLAG_STATES = 3

_amount4 = _table.take(_AMOUNT_BINS)
_age = _table.take(OLDEST_LOG2 + 2)
_cvv = _table.take(_FLAG_STATES)
_billing = _table.take(_FLAG_STATES)
_category = _Known(_table, _declared["product_category"])
_payment = _Known(_table, _declared["payment_method"])
_type = _Known(_table, _declared["transaction_type"])
_currency = _Known(_table, _declared["currency"])
_os = _Known(_table, _declared["device_info.os"])
_browser = _Known(_table, _declared["device_info.browser"])
_amount2 = _table.take(_bins(2))
_amount12 = _table.take(_bins(12))
_amount_cvv = _table.take(_AMOUNT_BINS * _FLAG_STATES)
_amount_billing = _table.take(_AMOUNT_BINS * _FLAG_STATES)
_cvv_billing = _table.take(_FLAG_STATES * _FLAG_STATES)


def tokens(x: Row) -> tuple[int, ...]:
    """The 15 positions of a payment: 8 shared, 2 of naive Bayes, 5 of the regression."""
    get = x.get
    octaves = _log2(get("amount"))
    if octaves is None:
        fine, coarse, finest = _AMOUNT_BINS - 1, _bins(2) - 1, _bins(12) - 1
    else:
        octaves -= LEAST_LOG2
        fine, coarse, finest = floor(4 * octaves), floor(2 * octaves), floor(12 * octaves)
    days = get("account_age_days")
    age = OLDEST_LOG2 + 1 if days is None or not days >= 0 else min(OLDEST_LOG2, floor(log2(days + 1)))
    cvv = _FLAGS.get(get("cvv_provided"), 2)
    billing = _FLAGS.get(get("billing_address_match"), 2)
    return (
        _amount4 + fine,
        _age + age,
        _cvv + cvv,
        _billing + billing,
        _category.position.get(get("product_category"), _category.other),
        _payment.position.get(get("payment_method"), _payment.other),
        _type.position.get(get("transaction_type"), _type.other),
        _currency.position.get(get("currency"), _currency.other),
        _os.position.get(get("device_info.os"), _os.other),
        _browser.position.get(get("device_info.browser"), _browser.other),
        _amount2 + coarse,
        _amount12 + finest,
        _amount_cvv + fine * _FLAG_STATES + cvv,
        _amount_billing + fine * _FLAG_STATES + billing,
        _cvv_billing + cvv * _FLAG_STATES + billing,
    )


PAYMENTS = Encoding(
    name="payments",
    tokens=tokens,
    size=_table.size,
    shared=8,
    bayes=2,
    fields=frozenset(
        {
            "amount",
            "account_age_days",
            "cvv_provided",
            "billing_address_match",
            "product_category",
            "payment_method",
            "transaction_type",
            "currency",
            "device_info.os",
            "device_info.browser",
        }
    ),
)
