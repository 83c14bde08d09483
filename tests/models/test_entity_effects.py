from __future__ import annotations

from random import Random

import pytest

from models.entity_effects import EntityEffects


def taught(
    spread: float, noise: float, entities: int = 300, each: int = 20
) -> tuple[EntityEffects, list[float]]:
    rng, effects = Random(1), EntityEffects(entities)
    truth = [rng.gauss(0, spread) for _ in range(entities)]
    for _ in range(each):
        for n, mine in enumerate(truth):
            effects.learn(n + 1, rng.gauss(mine, noise), noise**2)
    return effects, truth


def test_finds_the_spread_among_entities() -> None:
    effects, _ = taught(0.1, 0.15)
    assert effects.spread == pytest.approx(0.01, rel=0.2)


def test_effects_are_as_far_off_as_they_say() -> None:
    effects, truth = taught(0.1, 0.15, each=5)
    told = [effects(n + 1) for n in range(len(truth))]
    off = [(one.mean - mine) ** 2 for one, mine in zip(told, truth, strict=True)]
    assert sum(off) / len(off) == pytest.approx(sum(one.variance for one in told) / len(told), rel=0.25)


def test_equal_entities_have_no_effects() -> None:
    effects, _ = taught(0.0, 0.15)
    assert all(abs(effects(n + 1).mean) < 0.01 for n in range(300))


def test_an_unknown_entity_and_nobody_have_none() -> None:
    effects, _ = taught(0.1, 0.15)
    before = len(effects)
    effects.learn(0, 5.0, 0.01)
    assert len(effects) == before
    assert effects(0) == effects(999_999) == (0.0, effects.spread)


def test_the_one_longest_without_a_lesson_leaves_first() -> None:
    effects = EntityEffects(3)
    for key in (1, 2, 3, 1, 4):
        effects.learn(key, 0.1, 0.01)
    assert list(effects._kept) == [3, 1, 4]


def test_old_residuals_fade() -> None:
    effects, _ = taught(0.3, 0.1)
    for _ in range(600):
        effects.learn(1, 0.5, 0.01)
    for _ in range(600):
        effects.learn(1, -0.5, 0.01)
    assert effects(1).mean < -0.45
