"""Every part of the local stack."""

from __future__ import annotations

from core.applications import APPLICATIONS
from core.settings import Settings
from infra.local import broker, compiled, flink, stores
from infra.local.program import APP_PYTHON, REPO, Program


def programs(settings: Settings) -> list[Program]:
    """The parts with their commands, from stores to screens."""
    return [
        broker.program(settings),
        stores.redis(settings),
        *flink.programs(settings),
        stores.mlflow(settings),
        flink.keeper(settings),
        *(learner(name) for name in APPLICATIONS),
        upkeep(),
        latest_features(),
        batch(settings),
        serving(settings),
        dashboard(settings),
        *(producer(name) for name in APPLICATIONS),
    ]


def learner(application: str) -> Program:
    """One process per application: one never blocks another."""
    command = [str(APP_PYTHON), "-m", "learners", "run", application]
    return Program(f"learner-{application}", command, env={compiled.SETTING: str(compiled.cache())})


def producer(application: str) -> Program:
    """The synthetic stream of an application."""
    return Program(
        f"producer-{application}", [str(APP_PYTHON), "-m", "producers", "run", application], wave=3
    )


def upkeep() -> Program:
    """Compaction, checkpoints and vacuum of the tables. The application's environment: it needs no Flink."""
    return Program("upkeep", [str(APP_PYTHON), "-m", "flink_jobs", "upkeep"])


def latest_features() -> Program:
    """Keeps the latest features of every entity in Redis."""
    return Program("latest-features", [str(APP_PYTHON), "-m", "serving.features"])


def batch(settings: Settings) -> Program:
    """The batch worker. Threads that libraries start by themselves are as few as those of a fit."""
    threads = str(settings.batch.threads)
    env = stores.QUIET | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    env[compiled.SETTING] = str(compiled.cache())
    return Program("batch", [str(APP_PYTHON), "-m", "batch", "worker"], env=env)


def serving(settings: Settings) -> Program:
    """The HTTP API."""
    ports = {"MILLRACE_SERVING__PORT": settings.serving.port}
    return Program("serving", [str(APP_PYTHON), "-m", "serving"], ports=ports)


def dashboard(settings: Settings) -> Program:
    """The Streamlit application."""
    command = [str(APP_PYTHON), "-m", "streamlit", "run", str(REPO / "ui" / "main.py")]
    command += ["--server.address", settings.ui.host, "--server.port", str(settings.ui.port)]
    return Program("ui", command, ports={"MILLRACE_UI__PORT": settings.ui.port})
