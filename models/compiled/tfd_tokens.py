"""Payments as tokens, many rows at once: the positions that `models.tfd_tokens.tokens` gives, by column.

columns of fields and features -> bins, by the same edges -> codes (n, 24), int32; -1 without features
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from models import tfd_tokens as one
from models.columns import Column

Codes = npt.NDArray[np.int32]

WIDTH = len(one.SLOTS)
ROW = one.PAYMENTS.row

NO_TOKEN = -1

_EDGES = {
    edges: np.array(edges)
    for edges in (
        one.AMOUNTS,
        one.AGES,
        one.COUNTS,
        one.RATIOS,
        one.DISTANCES,
        one.SPEEDS,
        one.SUMS,
        one.PAUSES,
    )
}
_START = np.array([slot.start for slot in one.SLOTS], dtype=np.int32)
_COUNTS = one.of_bins(one.COUNTS)
_WIDE = one.NO_AMOUNT // 24 + 1

_LISTED = (*one.SHARED, *one.BAYES)
_STATES = np.array([len(one.CATEGORIES[path]) + 2 for path in _LISTED], dtype=np.int32)


def codes(columns: Mapping[str, Column]) -> Codes:
    """The positions of every row; columns as `models.columns` describes them."""
    made: Codes = np.empty((len(columns["amount"]), WIDTH), dtype=np.int32)
    bins = _of_row(columns, made)
    known = ~np.isnan(columns["user_id_24h_count"])
    if known.any():
        with np.errstate(invalid="ignore", over="ignore"):
            _of_windows(columns, bins, made)
    made += _START
    made[~known, ROW:] = NO_TOKEN
    return made


def _of_row(columns: Mapping[str, Column], made: Codes) -> Column:
    """Fills the places within the slots of the row; gives the bins of the amount."""
    amount, days = columns["amount"], columns["account_age_days"]
    bins = np.searchsorted(_EDGES[one.AMOUNTS], amount, side="right")
    bins[~((amount > 0) & (amount < np.inf))] = one.NO_AMOUNT
    fine = bins // 3
    ages = np.searchsorted(_EDGES[one.AGES], days, side="right")
    ages[~(days >= 0)] = len(one.AGES) + 1
    cvv, billing = _flag(columns["cvv_provided"]), _flag(columns["billing_address_match"])
    made[:, 0], made[:, 1], made[:, 2], made[:, 3] = fine, ages, cvv, billing
    # Null is -1 and stands last in its slot.
    listed = np.stack([columns[path] for path in _LISTED], axis=1)
    made[:, 4:10] = np.where(listed < 0, _STATES - 1, listed)
    made[:, 10], made[:, 11] = bins // 6, bins
    made[:, 12] = fine * one.FLAG_STATES + cvv
    made[:, 13] = fine * one.FLAG_STATES + billing
    made[:, 14] = cvv * one.FLAG_STATES + billing
    made[:, 15] = bins // 12 * _STATES[0] + made[:, 4]
    return bins


def _of_windows(columns: Mapping[str, Column], bins: Column, made: Codes) -> None:
    """Fills the places within the slots of the windows; where features are not known they mean nothing."""
    amount, total = columns["amount"], columns["user_id_24h_sum_amount"]
    pause, moved = columns["user_id_since_last_s"], columns["user_id_km_from_last"]
    count = columns["user_id_24h_count"]
    ratio = amount * (count - 1) / np.maximum(total - amount, one.LEAST_OTHERS)
    ratio[(bins == one.NO_AMOUNT) | ~(count > 1)] = np.nan
    speed = moved / (np.maximum(pause, 0.0) / 3600 + one.SHORTEST_HOURS)
    for place, span in ((16, "10m"), (17, "24h"), (20, "1h")):
        merchants = _bins(one.COUNTS, columns[f"user_id_{span}_distinct_merchant_id"])
        made[:, place] = _bins(one.COUNTS, columns[f"user_id_{span}_count"]) * _COUNTS + merchants
    made[:, 18] = _bins(one.RATIOS, ratio)
    made[:, 19] = _bins(one.DISTANCES, moved)
    made[:, 21] = _bins(one.SPEEDS, speed)
    made[:, 22] = _bins(one.SUMS, total)
    made[:, 23] = _bins(one.PAUSES, pause) * _WIDE + bins // 24


def _bins(edges: one.Edges, values: Column) -> Column:
    """How many edges are at most each value; one past all bins when it is null."""
    places = np.searchsorted(_EDGES[edges], values, side="right")
    places[np.isnan(values)] = len(edges) + 1
    return places


def _flag(values: Column) -> Column:
    """0, 1, and 2 for null."""
    return np.where(values < 0, np.int32(2), values.astype(np.int32))
