"""The command line of the Flink jobs: `python -m flink_jobs keeper|submit|stop|ready|tables|upkeep`."""

from __future__ import annotations

import logging
import subprocess
import time
from typing import Annotated

import httpx
import typer

from core import telemetry
from core.names import Job
from core.settings import settings

cli = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)


@cli.command()
def keeper() -> None:
    """Keep every job running, from its newest checkpoint, until SIGTERM; the jobs go on after it."""
    from flink_jobs.cluster import Cluster
    from flink_jobs.keeper import Keeper

    log = telemetry.configure("keeper", settings().log_level)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line per request otherwise
    Keeper(settings(), Cluster.at(settings().flink.host, settings().flink.port), log).run()


@cli.command()
def submit(job: Annotated[Job, typer.Argument(help="Which job.")]) -> None:
    """Submit one job from its newest checkpoint, for a cluster that no keeper looks after."""
    from flink_jobs.checkpoints import job_id, newest, used
    from flink_jobs.cluster import Cluster
    from flink_jobs.submit import command, flink_home

    folders = Cluster.at(settings().flink.host, settings().flink.port).folders()
    restore = newest(folders.checkpoints, folders.savepoints, job)
    jid = job_id(job, used(folders.checkpoints, job))
    done = subprocess.run(command(settings(), job, jid, restore, flink_home()), check=False)
    raise typer.Exit(done.returncode)


@cli.command()
def stop(
    job: Annotated[Job, typer.Argument(help="Which job.")],
    wait: Annotated[float, typer.Option(min=1, help="Seconds to wait for the savepoint.")] = 120,
) -> None:
    """End one job with a savepoint; the keeper submits it again from there, with the code of then."""
    from flink_jobs import stop as stopping
    from flink_jobs.cluster import Cluster

    cluster = Cluster.at(settings().flink.host, settings().flink.port)
    try:
        typer.echo(f"savepoint {stopping.stop(cluster, job, wait)}")
    except (httpx.HTTPError, stopping.NotStopped) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


@cli.command()
def ready(
    wait: Annotated[float, typer.Option(help="Seconds to wait for it; 0 looks once.")] = 0,
) -> None:
    """Exit 0 when all tasks of all jobs run; otherwise say what is missing and exit 1."""
    from flink_jobs.cluster import Cluster, waits

    cluster = Cluster.at(settings().flink.host, settings().flink.port)
    deadline = time.monotonic() + wait
    while True:
        try:
            missing = waits(cluster.jobs(), settings().flink.kept_jobs)
        except httpx.HTTPError as error:
            missing = [f"Flink at {cluster.client.base_url} does not answer: {error}"]
        if not missing or time.monotonic() >= deadline:
            break
        time.sleep(0.5)
    for sentence in missing:
        typer.echo(sentence)
    raise typer.Exit(1 if missing else 0)


@cli.command()
def tables() -> None:
    """Create the Delta tables that are missing (either environment can)."""
    from flink_jobs.tables import create_all

    made = create_all(settings().lake_uri)
    typer.echo("\n".join(f"created {uri}" for uri in made) or "all tables exist")


@cli.command()
def upkeep() -> None:
    """Compact, checkpoint and vacuum the Delta tables every few minutes (either environment can)."""
    from flink_jobs.upkeep import Upkeep

    Upkeep(settings(), telemetry.configure("upkeep", settings().log_level)).run()


if __name__ == "__main__":
    cli()
