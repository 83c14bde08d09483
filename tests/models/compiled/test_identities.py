"""The compiled table is an OrderedDict of identities."""

from __future__ import annotations

from collections import OrderedDict
from random import Random

import numpy as np
import pytest

from models.compiled.identities import NONE, fill, find, first, insert, remove, slots, table, touch


@pytest.mark.parametrize(("most", "spread"), [(1, 1), (7, 1), (16, 1 << 40), (50, 3)])
def test_it_does_what_an_ordered_dict_does(most: int, spread: int) -> None:
    """Many keys share their low bits, so that runs of probes grow, wrap around and are mended."""
    rng, mine, known = Random(most), table(most), OrderedDict[int, int]()
    keys = [1 + n * spread for n in range(3 * most)] + [-1 % 2**63 - n for n in range(most)]
    for _ in range(4000):
        key = rng.choice(keys)
        slot = find(mine, key)
        assert (slot != NONE) == (key in known)
        if slot == NONE:
            if len(known) == most:
                oldest, place = known.popitem(last=False)
                assert first(mine) == place
                remove(mine, place)
                assert find(mine, oldest) == NONE
            known[key] = insert(mine, key)
        elif rng.random() < 0.3:
            assert known.pop(key) == slot
            remove(mine, slot)
        else:
            touch(mine, slot)
            known.move_to_end(key)
        assert slots(mine).tolist() == list(known.values())
    for key in keys:
        assert find(mine, key) == known.get(key, NONE)


def test_filled_in_order() -> None:
    mine = table(10)
    assert first(mine) == NONE
    fill(mine, np.array([5, 2**62 + 5, 9]))
    assert slots(mine).tolist() == [0, 1, 2]
    assert mine.keys[:3].tolist() == [5, 2**62 + 5, 9]
