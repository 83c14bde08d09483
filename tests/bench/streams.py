"""What there is to learn from the streams: how far an amount gets, a row, and a row with its windows.

seeded payments -> columns of the row, columns of the windows -> batch model on a time split -> AUC
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from core.applications.area import haversine_km
from core.applications.tfd import TFD
from core.declaration import Category, leaves
from producers.eta import noise_floor
from producers.registry import generator

BASELINE = "the same batch model, on the same rows, without the windows; trained on the first 70 % of time"

BEGAN = datetime(2026, 3, 2, tzinfo=UTC)

TRAINED = 0.7

WINDOWS_S = (600.0, 3600.0, 86_400.0)

DENSE_S = 0.1
"""Seconds between events at the usual live rate."""

SPARSE_S = 14 * 86_400 / 20_000
"""Seconds between events in the history of a first start."""

Event = dict[str, Any]
Columns = npt.NDArray[np.float64]


def measure(events: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Payments at the rates of live and of history: AUC of amount, row, row with windows; trips: floor."""
    figures: dict[str, Any] = {}
    for name, gap in (("payments_live", DENSE_S), ("payments_history", SPARSE_S)):
        say(f"{name}: {events} events, {gap:.2f} s apart")
        figures[name] = payments(*stream(TFD.name, events, gap))
    trips, _ = stream("eta", events, SPARSE_S)
    figures["trips"] = {m: round(v, 4) for m, v in noise_floor(trips, SEED).items()}
    return figures


SEED = 7


def stream(application: str, events: int, gap: float, seed: int = SEED) -> tuple[list[Event], list[Event]]:
    """Events at even times, and their hidden truth."""
    source = generator(application, seed)
    made, truths = [], []
    for n in range(events):
        made.append(source.next(BEGAN + timedelta(seconds=n * gap)))
        truths.append(source.truth)
    return made, truths


def payments(events: Sequence[Event], truths: Sequence[Event]) -> dict[str, Any]:
    """AUC and average precision of three models of frauds, and where the windows find what rows do not."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    label = np.array([event["is_fraud"] for event in events])
    amount = np.array([[event["amount"]] for event in events])
    row, windows = row_columns(events), window_columns(events)
    half = int(TRAINED * len(events))
    figures: dict[str, Any] = {"frauds": int(label.sum())}
    for name, columns in (
        ("amount", amount),
        ("row", row),
        ("row_and_windows", np.hstack([row, windows])),
    ):
        said = boosted(columns, label, half)
        figures[name] = {
            "roc_auc": round(float(roc_auc_score(label[half:], said)), 4),
            "average_precision": round(float(average_precision_score(label[half:], said)), 4),
            "by_pattern": _by_pattern(said, truths[half:]),
        }
    return figures


def _by_pattern(said: Columns, truths: Sequence[Event]) -> dict[str, float]:
    """AUC of each pattern's frauds against all normal payments."""
    from sklearn.metrics import roc_auc_score

    pattern = np.array([truth["pattern"] for truth in truths])
    found = {}
    for name in sorted({*pattern} - {""}):
        mine = (pattern == name) | (pattern == "")
        found[str(name)] = round(float(roc_auc_score(pattern[mine] == name, said[mine])), 4)
    return found


def boosted(columns: Columns, label: npt.NDArray[Any], half: int) -> Columns:
    """Probabilities for the rows from `half` on, of gradient boosting taught on those before."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.08, max_leaf_nodes=15, l2_regularization=1.0, random_state=1
    )
    model.fit(columns[:half], label[:half])
    told: Columns = model.predict_proba(columns[half:])[:, 1]
    return told


def row_columns(events: Sequence[Event]) -> Columns:
    """What a single payment shows: amount, age, flags, place, hour, and codes of its categories."""
    codes = {
        path: {value: n for n, value in enumerate(leaf.values)}
        for path, leaf in leaves(TFD)
        if isinstance(leaf, Category)
    }
    rows = []
    for event in events:
        row = [
            event["amount"],
            event["account_age_days"],
            event["cvv_provided"],
            event["billing_address_match"],
            event["location"]["lat"],
            event["location"]["lon"],
        ]
        for path, known in codes.items():
            outer, _, inner = path.partition(".")
            row.append(known[event[outer][inner] if inner else event[outer]])
        rows.append(row)
    return np.array(rows, dtype=np.float64)


class _Past:
    """One user's payments of the last day."""

    def __init__(self) -> None:
        self.kept: deque[tuple[float, float, str]] = deque()
        self.place: Event | None = None

    def columns(self, now: float, event: Event) -> list[float]:
        """Seconds and km since the last; per range count, sum and distinct merchants, with this payment."""
        since = now - self.kept[-1][0] if self.kept else np.nan
        moved = haversine_km(self.place, event["location"]) if self.place else np.nan
        self.kept.append((now, event["amount"], event["merchant_id"]))
        self.place = event["location"]
        while self.kept[0][0] < now - WINDOWS_S[-1]:
            self.kept.popleft()
        made = [since, moved]
        for seconds in WINDOWS_S:
            inside = [one for one in self.kept if one[0] >= now - seconds]
            amounts = sum(amount for _, amount, _ in inside)
            made += [len(inside), amounts, len({merchant for _, _, merchant in inside})]
        return made


def window_columns(events: Sequence[Event]) -> Columns:
    """Per user what the declared windows hold at each payment, computed the slow and plain way."""
    users: dict[str, _Past] = {}
    rows = []
    for event in events:
        now = datetime.fromisoformat(event["timestamp"]).timestamp()
        rows.append(users.setdefault(event["user_id"], _Past()).columns(now, event))
    return np.array(rows, dtype=np.float64)
