"""Redis and MLflow as supervised processes, with their own directories and ports."""

from __future__ import annotations

from urllib.parse import urlsplit

from core.settings import Settings
from infra.local.program import APP_PYTHON, Program

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
"""For every process that imports MLflow: it asks nothing of the internet."""


def redis_config(settings: Settings) -> str:
    """Redis keeps what it holds over restarts and never evicts: a live model is not a cache entry."""
    url = urlsplit(settings.redis.url)
    return "\n".join(
        (
            f"bind {url.hostname}",
            f"port {url.port or 6379}",
            f"dir {settings.var.resolve() / 'redis'}",
            "daemonize no",
            "protected-mode yes",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            "auto-aof-rewrite-min-size 32mb",
            "",
        )
    )


def redis(settings: Settings) -> Program:
    """The cache of live models and reports."""
    config = settings.var.resolve() / "redis" / "redis.conf"
    port = urlsplit(settings.redis.url).port or 6379
    return Program("redis", ["redis-server", str(config)], ports={"MILLRACE_REDIS__URL": port}, wave=0)


def prepare_redis(settings: Settings) -> None:
    """Makes its folder and writes its configuration."""
    home = settings.var.resolve() / "redis"
    home.mkdir(parents=True, exist_ok=True)
    (home / "redis.conf").write_text(redis_config(settings))


def mlflow(settings: Settings) -> Program:
    """The tracking server, on SQLite and disk."""
    home = settings.var.resolve() / "mlflow"
    url = urlsplit(settings.mlflow.url)
    port = url.port or 80
    command = [str(APP_PYTHON), "-m", "mlflow", "server", "--host", url.hostname or "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(home / "artifacts")]
    return Program(
        "mlflow",
        command,
        env=QUIET | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "GIT_PYTHON_REFRESH": "quiet"},
        ports={"MILLRACE_MLFLOW__URL": port},
        wave=1,
    )


def prepare_mlflow(settings: Settings) -> None:
    """Makes its folders."""
    (settings.var.resolve() / "mlflow" / "artifacts").mkdir(parents=True, exist_ok=True)
