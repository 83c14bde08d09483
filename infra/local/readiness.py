"""When is a part ready? One question per part, answered with what it still waits for."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import httpx
import msgspec

from core import jobs, names
from core.applications import APPLICATIONS
from core.connect import kafka
from core.connect import redis as redis_connect
from core.records import LearnerReport, LearnerState, state_now
from core.settings import Settings
from infra.local.program import FLINK_PYTHON, REPO

Check = Callable[[Settings], str]
"""Empty when ready; else what the part waits for, in words."""

TIMEOUT_SECONDS = 3.0


def broker(settings: Settings) -> str:
    """It answers with its topics."""
    from confluent_kafka import KafkaException

    try:
        kafka.admin(settings.broker.url, log_level=0).list_topics(timeout=TIMEOUT_SECONDS)
    except KafkaException:
        return f"the broker at {settings.broker.url} does not answer yet"
    return ""


def redis(settings: Settings) -> str:
    """It answers a ping (it may be loading its file)."""
    from redis.exceptions import RedisError

    try:
        redis_connect.client(settings.redis.url).ping()
    except RedisError as error:
        return f"Redis at {settings.redis.url}: {error}"
    return ""


def jobmanager(settings: Settings) -> str:
    """Its REST API answers."""
    return _http(f"http://{settings.flink.host}:{settings.flink.port}/overview")


def taskmanager(settings: Settings) -> str:
    """One has registered with the JobManager."""
    try:
        url = f"http://{settings.flink.host}:{settings.flink.port}/overview"
        overview = httpx.get(url, timeout=TIMEOUT_SECONDS).json()
    except httpx.HTTPError as error:
        return f"Flink's REST API: {error or type(error).__name__}"
    return "" if overview["taskmanagers"] else "no TaskManager has registered yet"


def flink_jobs(settings: Settings) -> str:
    """Every task of every job runs."""
    # It looks for a while by itself: starting a Python for each look would slow down what it waits for.
    command = [str(FLINK_PYTHON), "-m", "flink_jobs", "ready", "--wait", "3"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPO, check=False)
    return "" if done.returncode == 0 else (done.stdout or done.stderr).strip().splitlines()[-1]


def mlflow(settings: Settings) -> str:
    """Its health page answers."""
    return _http(f"{settings.mlflow.url}/health")


def serving(settings: Settings) -> str:
    """It says itself that it is ready."""
    return _http(f"{settings.serving.url}/health/ready")


def ui(settings: Settings) -> str:
    """Streamlit's health page answers."""
    return _http(f"http://{settings.ui.host}:{settings.ui.port}/_stcore/health")


def batch(settings: Settings) -> str:
    """Its worker says that it runs."""
    from redis.exceptions import RedisError

    try:
        working = jobs.slots(redis_connect.client(settings.redis.url))
    except RedisError as error:
        return f"Redis: {error}"
    return "" if working else "its worker has not said yet that it runs"


def learner(settings: Settings, application: str) -> str:
    """Its report is young, and says that it takes events, or rests because it was told to."""
    from redis.exceptions import RedisError

    try:
        raw = redis_connect.client(settings.redis.url).get(names.learner_key(application))
    except RedisError as error:
        return f"Redis: {error}"
    if not isinstance(raw, bytes):
        return "it has not reported yet"
    report = msgspec.json.decode(raw, type=LearnerReport)
    state = state_now(report, datetime.now(UTC), settings.learners.heartbeat_timeout_seconds)
    catching_up = state is LearnerState.STARTING and report.lag > 0
    return (
        ""
        if catching_up or state in (LearnerState.LIVE, LearnerState.PAUSED)
        else f"its state is {state}{': ' + report.error if report.error else ''}"
    )


def first_score(settings: Settings, application: str, since: float) -> str:
    """Ready when the learner has met an event after `since` (epoch seconds) and its champion is scored."""
    raw = redis_connect.client(settings.redis.url).get(names.learner_key(application))
    if not isinstance(raw, bytes):
        return "it has not reported yet"
    report = msgspec.json.decode(raw, type=LearnerReport)
    fresh = report.heartbeat.timestamp() > since and report.rate > 0
    if fresh and any(value is not None for value in report.scores.values()):
        return ""
    return f"asked {report.asked}, taught {report.taught}, not scored yet"


def _always(settings: Settings) -> str:
    return ""


CHECKS: dict[str, Check] = {
    "broker": broker,
    "redis": redis,
    "jobmanager": jobmanager,
    "taskmanager": taskmanager,
    "mlflow": mlflow,
    "flink-jobs": flink_jobs,
    "batch": batch,
    "serving": serving,
    "ui": ui,
    **{f"learner-{name}": partial(learner, application=name) for name in APPLICATIONS},
    # It waits for rows; how far it is stands in the API's status.
    "latest-features": _always,
    # It has nothing to wait for; its last round stands in the API's status.
    "upkeep": _always,
    # A producer that runs is ready: what it delivers shows in the counts.
    **{f"producer-{name}": _always for name in APPLICATIONS},
}


def _http(url: str) -> str:
    try:
        response = httpx.get(url, timeout=TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        return f"{_bare(url)}: {error or type(error).__name__}"
    return (
        "" if response.is_success else f"{_bare(url)} answers {response.status_code}: {response.text[:200]}"
    )


def _bare(url: str) -> str:
    return re.sub(r"^https?://", "", url)
