"""Every way of damage, on every application: refused for the reason and the field that it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from core.applications import APPLICATIONS
from core.declaration import Application, Category, Group, leaves
from core.validation import Accepted, Check, Reason, Rejected
from producers import damage
from tests.producers.streams import MONDAY, stream

applications = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=list(APPLICATIONS))


def sound(application: Application, number: int = 0) -> tuple[bytes, bytes]:
    """A message that the check accepts."""
    accepted = Check(application).encode(
        stream(application.name, 20, 1)[0][number], MONDAY + timedelta(minutes=1)
    )
    return accepted.key.encode(), accepted.body


@applications
def test_the_shipped_applications_can_be_damaged_in_every_way(application: Application) -> None:
    assert damage.reasons(application) == tuple(Reason)


@applications
@pytest.mark.parametrize("reason", Reason)
def test_damage_is_refused_for_its_reason_and_field(application: Application, reason: Reason) -> None:
    check = Check(application)
    for number in range(20):
        key, value = sound(application, number)
        assert isinstance(check(key, value, MONDAY), Accepted)
        refused = check(*damage.damage(reason, application, key, value, MONDAY), MONDAY)
        assert isinstance(refused, Rejected)
        assert (refused.reason, refused.field) == (reason, damage.field(reason, application))


@applications
def test_a_time_ahead_is_ahead_of_the_clock_that_is_given(application: Application) -> None:
    later = MONDAY + timedelta(days=30)
    message = damage.damage(Reason.FUTURE_TIME, application, *sound(application), later)
    refused = Check(application)(*message, later)
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.FUTURE_TIME
    own = damage.damage(Reason.FUTURE_TIME, application, *sound(application))
    assert isinstance(Check(application)(*own, later), Accepted), "a day after the event is long past by then"


@applications
def test_damage_changes_nothing_but_what_it_says(application: Application) -> None:
    key, value = sound(application)
    for reason in Reason:
        assert damage.damage(reason, application, key, value, MONDAY) == damage.damage(
            reason, application, key, value, MONDAY
        )
    assert (key, value) == sound(application)


@applications
def test_some_draws_every_way(application: Application) -> None:
    rng, check = Random(1), Check(application)
    found: Counter[Reason] = Counter()
    for _ in range(400):
        refused = check(*damage.some(rng, application, *sound(application), MONDAY), MONDAY)
        assert isinstance(refused, Rejected)
        found[refused.reason] += 1
    assert found.keys() == set(Reason)


@applications
def test_an_application_without_such_fields_says_so(application: Application) -> None:
    """Without a closed vocabulary, no value is unknown."""
    plain = tuple(field for field in application.fields if not isinstance(field, Category | Group))
    opened = replace(application, fields=plain, windows=())
    assert not any(isinstance(leaf, Category) for _, leaf in leaves(opened))
    assert Reason.UNKNOWN_VALUE not in damage.reasons(opened)
    with pytest.raises(ValueError, match=f"{application.name} has no field.*unknown_value.*possible: empty"):
        damage.damage(Reason.UNKNOWN_VALUE, opened, *sound(application), MONDAY)
