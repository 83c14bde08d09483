"""Wrong labels and missing values."""

from __future__ import annotations

import json
from datetime import timedelta
from random import Random

import pytest

from core.applications import APPLICATIONS
from core.declaration import Application
from core.validation import Accepted, Check, Reason, Rejected
from producers import disturb
from tests.producers.streams import MONDAY, stream

applications = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=list(APPLICATIONS))


@applications
def test_a_wrong_label_is_another_sound_one(application: Application) -> None:
    rng, check, label = Random(1), Check(application), application.label
    changed = 0
    for event in stream(application.name, 300, 0.1)[0]:
        copy = dict(event)
        assert disturb.wrong_label(application, copy, rng) == (label is not None)
        check.encode(copy, MONDAY + timedelta(days=1))
        changed += copy != event
        assert {k: v for k, v in copy.items() if k != label} == {k: v for k, v in event.items() if k != label}
    assert changed == (300 if label else 0)


@applications
def test_a_missing_value_is_null_where_allowed_or_a_field_that_is_gone(application: Application) -> None:
    rng, check, now = Random(1), Check(application), MONDAY + timedelta(days=1)
    nulls = gone = 0
    for event in stream(application.name, 400, 0.1)[0]:
        sound = check.encode(event, now)
        body, name = disturb.without_value(application, sound.body, rng)
        told = json.loads(body)
        result = check(sound.key.encode(), body, now)
        if name in told:
            nulls += 1
            assert told[name] is None is not json.loads(sound.body)[name]
            assert isinstance(result, Accepted)
        else:
            gone += 1
            assert isinstance(result, Rejected)
            assert (result.reason, result.field) == (Reason.MISSING_FIELD, name)
        assert name not in (application.key, application.label, application.identifier.name)
    assert gone
    assert bool(nulls) == any(field.nullable for field in application.fields)
