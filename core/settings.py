"""Every setting, read once from the environment: `MILLRACE_BROKER__URL` is `settings.broker.url`.

Only this module reads the environment. A value that can't be used, or a name that no setting has,
stops the start with that name.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.names import Job
from core.rates import parse_rates

PREFIX = "MILLRACE_"
DELIMITER = "__"


class SettingsError(ValueError):
    """A setting can't be used; the text names it, its value, and what is allowed."""


class Part(BaseModel):
    """A group of settings; unknown names are errors."""

    model_config = {"extra": "forbid", "frozen": True}


class Broker(Part):
    """The broker, and the topics made in it."""

    url: str = Field("127.0.0.1:19092", description="host:port of the broker (Kafka protocol)")
    controller_port: int = Field(
        19094, ge=1, le=65535, description="Port of the local broker's own controller"
    )
    partitions: int = Field(3, ge=1, le=1000, description="Partitions of each topic when it is created")
    retention_hours: int = Field(168, ge=1, description="How long topics keep their messages")
    retention_mib: int = Field(2048, ge=64, description="How much one partition keeps at most")


class Flink(Part):
    """The Flink cluster and its jobs."""

    host: str = Field("127.0.0.1", description="Host of Flink's web UI and REST API")
    port: int = Field(8081, ge=1, le=65535, description="Port of Flink's web UI and REST API")
    rpc_port: int = Field(
        16123, ge=1, le=65535, description="Port on which the local JobManager talks to TaskManagers"
    )
    slots: int = Field(
        4, ge=1, description="Slots of the local TaskManager; each job takes `parallelism` of them"
    )
    parallelism: int = Field(1, ge=1, description="Parallelism of each job")
    jobs: str = Field(",".join(Job), description="The jobs that are kept running, by name")
    checkpoint_seconds: float = Field(
        1, gt=0, description="Seconds between checkpoints, hence between commits to topics"
    )
    jobmanager_mib: int = Field(1024, ge=768, description="Memory of the local JobManager process")
    taskmanager_mib: int = Field(1728, ge=1280, description="Memory of the local TaskManager process")
    batch_rows: int = Field(5000, ge=1, description="Rows per Arrow batch in the validating map")
    commit_rows: int = Field(20_000, ge=1, description="Rows after which the lakehouse job commits")
    commit_seconds: float = Field(
        2, gt=0, description="Seconds after which the lakehouse job commits what it has"
    )
    state: str = Field(
        "rocksdb",
        pattern="^(rocksdb|hashmap)$",
        description="Where the job `features` keeps its windows: `rocksdb` on disk, `hashmap` on the heap",
    )
    state_mib: int = Field(
        256, ge=64, description="Memory of `rocksdb` per slot, beside the TaskManager's own"
    )
    features_checkpoint_seconds: float = Field(
        5, gt=0, description="Seconds between checkpoints of the job `features`, which has the most state"
    )
    watermark_seconds: float = Field(
        1, ge=0, description="How far behind the newest event time a row may come before it is late"
    )
    idle_seconds: float = Field(
        30, gt=0, description="Seconds after which a silent partition no longer holds event time back"
    )

    @field_validator("jobs")
    @classmethod
    def _jobs(cls, jobs: str) -> str:
        unknown = {name.strip() for name in jobs.split(",")} - set(Job)
        if unknown:
            raise ValueError(f"no job {', '.join(sorted(unknown))}; there are {', '.join(Job)}")
        return jobs

    @property
    def kept_jobs(self) -> tuple[Job, ...]:
        """The jobs that are kept running, in the order in which they are submitted."""
        named = {name.strip() for name in self.jobs.split(",")}
        return tuple(job for job in Job if job in named)


class Lake(Part):
    """Where the Delta tables are."""

    uri: str = Field("", description="Root of the Delta tables; empty means `lake` below the state folder")
    upkeep_minutes: float = Field(
        5, gt=0, description="Minutes between two rounds of upkeep: compaction, log checkpoints, vacuum"
    )
    retention_hours: int = Field(
        24,
        ge=24,
        description="How long files that no newest version needs are kept for readers of older ones",
    )


class Redis(Part):
    """Where live models and reports are."""

    url: str = Field("redis://127.0.0.1:16379/0", description="Redis that holds live models and reports")


class Mlflow(Part):
    """Where runs are tracked."""

    url: str = Field("http://127.0.0.1:15000", description="MLflow tracking server")


class Producers(Part):
    """The synthetic streams."""

    rate: str = Field(
        "10",
        description="Live events per second: one number for all, or tfd=10,eta=5 and 0 for the others",
    )
    seed: int = Field(42, ge=0, description="Seed of the generators: the same seed gives the same stream")
    backfill_events: int = Field(
        20_000, ge=0, description="Events of history per application on the first start"
    )
    backfill_days: float = Field(14, gt=0, description="Days of event time that the history covers")
    malformed_share: float = Field(
        0.001, ge=0, le=1, description="Share of events that are damaged on purpose"
    )

    @field_validator("rate")
    @classmethod
    def _rate(cls, rate: str) -> str:
        parse_rates(rate)
        return rate

    @property
    def rates(self) -> dict[str, float]:
        """Live events per second of every application."""
        return parse_rates(self.rate)


class Learners(Part):
    """The live models."""

    snapshot_seconds: float = Field(3, gt=0, description="Seconds between snapshots of a live model")
    checkpoint_minutes: float = Field(
        10, gt=0, description="Minutes between snapshots that are kept for longer, in Redis and in MLflow"
    )
    tracking_seconds: float = Field(15, gt=0, description="Seconds between metrics logged to MLflow")
    heartbeat_timeout_seconds: float = Field(
        15, gt=0, description="A report older than this means the learner is not alive"
    )
    idle_seconds: float = Field(
        2, gt=0, description="How long a silent partition holds back the others' event time"
    )
    features_seconds: float = Field(
        2.5,
        ge=0,
        description="How long an event of now waits for its windowed features before models answer without",
    )
    heavy_share: float = Field(
        0.2, gt=0, le=1, description="Share of the events that slow models (forests) are asked and taught"
    )
    recent: int = Field(
        200, ge=1, le=10_000, description="How many of the newest answers are kept for the screens"
    )
    on_lost_offsets: str = Field(
        "stop",
        pattern="^(stop|skip)$",
        description="When the next event is no longer kept: `stop` with an error, or `skip` to the oldest",
    )


class Batch(Part):
    """Training on the history, and diagnostics."""

    workers: int = Field(
        2, ge=1, le=16, description="Trainings that run at the same time; one diagnostic runs beside them"
    )
    job_memory_mib: int = Field(3072, ge=512, description="Memory limit of one job")
    threads: int = Field(2, ge=1, description="Threads of one fit")
    job_minutes: float = Field(60, gt=0, description="Time limit of one job")
    diagnostic_seconds: float = Field(60, gt=0, description="Time limit of one diagnostic")
    most_rows: int = Field(2_000_000, ge=1000, description="Most rows that one data set may hold")


class Serving(Part):
    """The HTTP API."""

    host: str = Field("127.0.0.1", description="Address that the HTTP API listens on")
    port: int = Field(8000, ge=1, le=65535, description="Port of the HTTP API")
    sql_seconds: float = Field(20, gt=0, description="Time limit of one SQL query")
    sql_rows: int = Field(
        10_000, ge=1, le=100_000, description="Most rows of one answer to an SQL query; cursors give more"
    )
    sql_kept_rows: int = Field(
        100_000, ge=1, le=1_000_000, description="Most rows of one SQL query that cursors lead to"
    )
    sql_kept_mib: int = Field(
        128, ge=1, description="Memory for rows that cursors lead to; the oldest go first"
    )
    sql_kept_seconds: float = Field(600, gt=0, description="How long a cursor leads to its rows")
    sql_export_rows: int = Field(
        1_000_000, ge=1, le=100_000_000, description="Most rows of one exported file"
    )
    sql_export_seconds: float = Field(
        120, gt=0, description="Time limit of one export, the caller's download included"
    )
    sql_memory_mib: int = Field(1024, ge=64, description="Memory limit of one SQL query")
    tokens: SecretStr | None = Field(
        None,
        description="Who may ask the API: NAME:ROLE:SECRET, separated by commas; see docs/security.md",
    )
    tokens_file: Path | None = Field(
        None,
        description="The same in a file, one per line; `python -m serving token NAME ROLE` prints a line",
    )
    allowed_hosts: str = Field(
        "", description="Host names under which the API is asked for, beside this machine's own; by commas"
    )
    cors_origins: str = Field(
        "", description="Origins whose pages may ask the API, like https://example.org; by commas"
    )
    requests_per_second: float = Field(
        500, ge=0, description="Requests per second of one caller; twice as many at once; 0: any number"
    )
    max_body_mib: int = Field(
        32, ge=1, le=1024, description="Largest body of requests that take lists; of all others: 1 MiB"
    )
    behind_tls: bool = Field(
        False, description="Whether a proxy before the API speaks TLS: browsers are told to stay with it"
    )
    captures: int = Field(
        50_000, ge=100, le=1_000_000, description="Captures that are kept of each application, the newest"
    )
    alert_reopen_minutes: float = Field(
        5,
        ge=0,
        description="How long after it was resolved a report of Alertmanager opens a firing alert again",
    )

    @property
    def url(self) -> str:
        """Base address of the API on this machine."""
        # What listens on every address is asked at this machine's own.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


class Ui(Part):
    """The dashboard."""

    host: str = Field("127.0.0.1", description="Address that the dashboard listens on")
    port: int = Field(8501, ge=1, le=65535, description="Port of the dashboard")
    api_url: str = Field(
        "", description="The HTTP API as the dashboard reaches it; empty means the serving settings"
    )
    api_timeout_seconds: float = Field(
        10, gt=0, description="How long the dashboard waits for one answer of the API"
    )
    token: SecretStr | None = Field(
        None, description="The dashboard's token, where the API wants one; scripts send it too"
    )

    @field_validator("token")
    @classmethod
    def _token(cls, token: SecretStr | None) -> SecretStr | None:
        # It becomes a header.
        if token and not all("!" <= sign <= "~" for sign in token.get_secret_value()):
            raise ValueError("must be ASCII without spaces")
        return token


class Settings(BaseSettings):
    """The suite's settings, by part."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=DELIMITER, extra="forbid", frozen=True
    )

    var: Path = Field(Path("var"), description="State folder: data, logs, generated configuration")
    secret: SecretStr | None = Field(
        None, description="Key that signs model bytes; unset means the file `secret` in the state folder"
    )
    log_level: str = Field(
        "INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least level that is logged"
    )
    broker: Broker = Broker()
    flink: Flink = Flink()
    lake: Lake = Lake()
    redis: Redis = Redis()
    mlflow: Mlflow = Mlflow()
    producers: Producers = Producers()
    learners: Learners = Learners()
    batch: Batch = Batch()
    serving: Serving = Serving()
    ui: Ui = Ui()

    @property
    def lake_uri(self) -> str:
        """Root of the Delta tables as a URI or an absolute path, without a slash at the end."""
        return (self.lake.uri or str(self.var.resolve() / "lake")).rstrip("/")

    @property
    def api_url(self) -> str:
        """Base address of the API as the dashboard reaches it."""
        return (self.ui.api_url or self.serving.url).rstrip("/")

    @property
    def api_token(self) -> str | None:
        """The token that the dashboard and the scripts send; None where there is none."""
        return (self.ui.token.get_secret_value() or None) if self.ui.token else None

    @property
    def api_headers(self) -> dict[str, str]:
        """What tells the API who asks; empty where there is no token."""
        return {"authorization": f"Bearer {self.api_token}"} if self.api_token else {}

    def signing_key(self) -> bytes:
        """The key that signs snapshots; raises SettingsError when none was made or given."""
        if self.secret:
            return self.secret.get_secret_value().encode()
        path = self.var / "secret"
        try:
            return path.read_bytes().strip()
        except FileNotFoundError:
            raise SettingsError(
                f"{PREFIX}SECRET is not set and {path} does not exist: scripts/up makes it"
            ) from None


def settings_table() -> list[tuple[str, str, str]]:
    """One row per setting: (environment name, default as text, help)."""
    rows = []
    for name, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        if inner is None:
            rows.append((PREFIX + name.upper(), _shown(field), field.description or ""))
            continue
        for leaf, leaf_field in inner.items():
            env = f"{PREFIX}{name}{DELIMITER}{leaf}".upper()
            rows.append((env, _shown(leaf_field), leaf_field.description or ""))
    return rows


def _shown(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    return "" if value is None else str(value)


def load() -> Settings:
    """The settings of the environment; raises SettingsError that names what can't be used."""
    known = [name for name, _, _ in settings_table()]
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name.upper() not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "; docs/settings.md lists all"
            raise SettingsError(f"{name} is not a setting{hint}")
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + DELIMITER.join(str(part) for part in first["loc"]).upper()
        shown = "(not shown)" if name.endswith(("SECRET", "TOKEN", "TOKENS")) else repr(first["input"])
        raise SettingsError(f"{name}={shown}: {first['msg']}") from None


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return load()
