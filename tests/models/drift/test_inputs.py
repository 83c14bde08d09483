"""A reference tells of newer values what the rows behind it would tell."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from core.drift import InputReference
from models.drift.inputs import (
    MOST_VALUES,
    OTHERS,
    against,
    category_reference,
    number_reference,
    of_category,
    of_number,
)
from models.registered.inputs import MISSING


def kept(reference: InputReference) -> InputReference:
    """As Redis gives it back."""
    return msgspec.json.decode(msgspec.json.encode(reference), type=InputReference)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_numbers_give_the_same_figures(rng: np.random.Generator, shift: float) -> None:
    old, new = rng.lognormal(size=3000), rng.lognormal(shift, size=400)
    old[::50] = new[::10] = np.nan
    rows = of_number("x", "number", old, new, 7).drift
    small = against(kept(number_reference("x", "number", old)), new, 7).drift
    for name in ("psi", "by_chance", "jensen_shannon", "outside"):
        assert getattr(small, name) == pytest.approx(getattr(rows, name))
    assert (small.verdict, small.reference, small.newest) == (rows.verdict, rows.reference, rows.newest)
    assert small.ks == pytest.approx(rows.ks, abs=0.01)
    assert small.wasserstein == pytest.approx(rows.wasserstein, abs=0.02)


def test_categories_give_the_same_figures(rng: np.random.Generator) -> None:
    old = rng.choice(np.array(["a", "b", "c", MISSING], object), 1000, p=[0.5, 0.3, 0.1, 0.1])
    new = rng.choice(np.array(["a", "b", "d", MISSING], object), 300, p=[0.3, 0.3, 0.2, 0.2])
    rows = of_category("x", "category", old, new, 3).drift
    small = against(kept(category_reference("x", old)), new, 3).drift
    assert small.psi == pytest.approx(rows.psi)
    assert small.jensen_shannon == pytest.approx(rows.jensen_shannon)
    assert (small.unseen, small.reference, small.newest) == (rows.unseen, rows.reference, rows.newest)


def test_rare_values_count_together(rng: np.random.Generator) -> None:
    old = np.array([f"v{n}" for n in range(3 * MOST_VALUES)] * 2 + ["often"] * 5, object)
    reference = kept(category_reference("x", old))
    assert len(reference.labels) == MOST_VALUES + 1
    assert (reference.labels[-1], sum(reference.counts)) == (OTHERS, len(old))
    assert against(reference, old, 1).drift.psi == pytest.approx(0)


def test_an_input_that_was_never_there(rng: np.random.Generator) -> None:
    nothing = np.full(100, np.nan)
    found = against(kept(number_reference("x", "number", nothing)), rng.normal(size=100), 1).drift
    assert (found.ks, found.wasserstein, found.outside) == (None, None, None)
    assert found.psi > 1
