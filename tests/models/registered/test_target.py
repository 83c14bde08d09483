"""What a regressor is taught, and the way back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.registered.target import FORMS, Target

ROWS = pd.DataFrame({"planned": [100.0, 400.0, 5.0, np.nan]})
LABELS = np.array([150.0, 300.0, 70.0, 260.0])
BASES = np.array([100.0, 400.0, 60.0, 250.0])
"""Not below the floor; the usual one where it is not known."""


def target(form: str) -> Target:
    return Target(form=form, base="planned", floor=60, usual=250.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_taught_comes_back_as_the_answer(form: str) -> None:
    one = target(form)
    assert one.answer(one.taught(LABELS, ROWS), ROWS) == pytest.approx(LABELS)


def test_the_forms_are_what_they_are_called() -> None:
    assert target("label").taught(LABELS, ROWS) == pytest.approx(LABELS)
    assert target("ratio").taught(LABELS, ROWS) == pytest.approx(LABELS / BASES)
    assert target("log_ratio").taught(LABELS, ROWS) == pytest.approx(np.log(LABELS / BASES))


def test_no_answer_is_below_the_floor() -> None:
    assert target("label").answer(np.array([-5.0]), ROWS[:1])[0] == 60
    assert target("ratio").answer(np.array([0.01]), ROWS[:1])[0] == 60
    assert target("log_ratio").answer(np.array([-9.0]), ROWS[:1])[0] == 60


@pytest.mark.parametrize("form", FORMS)
def test_effects_add_up_to_the_answer_in_the_labels_unit(form: str) -> None:
    rng = np.random.default_rng(1)
    told = rng.normal(0, 0.2, (4, 6))
    told[:, -1] = 1.2
    told[1, :-1] = 0.0
    told[2, :-1] = (0.2, -0.2, 0.1, -0.1, 0.0)
    if form == "label":
        told[:, -1] = 300.0
    one = target(form)
    said = told.sum(axis=1)
    effects = one.effects(told, ROWS)
    assert effects.sum(axis=1) == pytest.approx(one.answer(said, ROWS))
    assert (np.sign(effects[:, :-1]) == np.sign(told[:, :-1])).all()


def test_a_label_of_zero_and_a_base_of_zero_have_a_ratio() -> None:
    one = Target(form="log_ratio", base="planned", floor=0, usual=1.0)
    rows = pd.DataFrame({"planned": [0.0, 10.0]})
    taught = one.taught(np.array([0.0, 0.0]), rows)
    assert np.isfinite(taught).all()
    assert one.answer(taught, rows) == pytest.approx([0, 0], abs=1e-6)
