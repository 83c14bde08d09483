"""For how long a learner waits for features is decided before its loop runs."""

from __future__ import annotations

import dataclasses

import pytest

from core.applications import APPLICATIONS
from core.names import Job
from core.settings import Settings, load
from learners.life import features_seconds

APPLICATION = next(one for one in APPLICATIONS.values() if one.windows)


def options(monkeypatch: pytest.MonkeyPatch, jobs: str) -> Settings:
    monkeypatch.setenv("MILLRACE_LEARNERS__FEATURES_SECONDS", "1.5")
    monkeypatch.setenv("MILLRACE_FLINK__JOBS", jobs)
    return load()


def test_features_are_waited_for_where_a_job_computes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    given = options(monkeypatch, ",".join(Job))
    assert features_seconds(APPLICATION, given) == 1.5
    assert features_seconds(dataclasses.replace(APPLICATION, windows=()), given) == 0.0
    without = ",".join(job for job in Job if job != Job.FEATURES)
    assert features_seconds(APPLICATION, options(monkeypatch, without)) == 0.0
