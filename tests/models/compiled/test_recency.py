from __future__ import annotations

from random import Random

import pytest

from models.compiled.recency import NONE, empty, find, slots, use


@pytest.mark.parametrize(("most", "keys", "spread"), [(1, 3, 1), (7, 12, 1), (7, 12, 16), (50, 90, 8)])
def test_is_a_dictionary_in_order_of_use(most: int, keys: int, spread: int) -> None:
    """Keys that are multiples of `spread` share places of the table."""
    rng, recency, expected = Random(most), empty(most), dict[int, None]()
    for _ in range(4000):
        key = (rng.randrange(keys) + 1) * spread
        known = key in expected
        expected.pop(key, None)
        if not known and len(expected) == most:
            del expected[next(iter(expected))]
        expected[key] = None
        slot, new = use(recency, key)
        assert (new, recency.keys[slot]) == (not known, key)
        assert recency.keys[slots(recency)].tolist() == list(expected)
        for n in range(keys):
            wanted = (n + 1) * spread
            assert (find(recency, wanted) != NONE) == (wanted in expected)
