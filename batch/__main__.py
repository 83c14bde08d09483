"""Command line of batch: the worker, and jobs from a terminal. `python -m batch --help`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
import typer

from core import applications
from core import jobs as batch_jobs
from core.applications import APPLICATIONS
from core.batch import HISTORY, Diagnose, DriftReport, Evaluate, JobState, Request, Rows, Take, Train
from core.connect import redis as redis_connect
from core.requests import check
from core.settings import Settings, SettingsError, settings
from core.telemetry import configure

if TYPE_CHECKING:
    from redis import Redis

ABOUT = "Training on the history, and diagnostics."

DEFAULTS = Rows()

cli = typer.Typer(no_args_is_help=True, add_completion=False, help=ABOUT)

App = Annotated[str, typer.Argument(metavar="APPLICATION", help=f"One of {', '.join(APPLICATIONS)}")]
Taken = Annotated[Take, typer.Option("--take", help="Which rows: all, a percentage, random ones, the newest")]
Amount = Annotated[float | None, typer.Option("--rows", help="A number of rows, or a percentage")]
Seed = Annotated[int, typer.Option("--seed", help="Of the random choice")]
Follow = Annotated[bool, typer.Option(help="Show the log until the job has ended")]


@cli.callback()
def main() -> None:
    """Training on the history, and diagnostics."""


@cli.command()
def worker() -> None:
    """Does jobs until SIGTERM: as many trainings at a time as set, and one diagnostic beside them."""
    from batch.worker import run

    found = _settings()
    configure("batch", found.log_level)
    run(found)


@cli.command()
def train(
    application: App,
    recipe: Annotated[str, typer.Option(help="Which trainer; the first declared one if not said")] = "",
    rows: Amount = None,
    take: Taken = HISTORY.take,
    seed: Seed = DEFAULTS.seed,
    tune_seconds: Annotated[float, typer.Option(help="Time to look for better hyperparameters")] = 0,
    follow: Follow = True,
) -> None:
    """Fits a recipe of an application and registers it."""
    with _asking() as redis:
        declared = applications.get(application)
        chosen = recipe or next(iter(declared.batch), "")
        request = Train(
            application=application,
            recipe=chosen,
            rows=_rows(take, rows, seed, HISTORY.amount),
            tune_seconds=tune_seconds,
        )
        _submit(redis, request, follow)


@cli.command()
def evaluate(
    application: App,
    run: Annotated[list[str] | None, typer.Option(help="A run; more than once for several")] = None,
    rows: Amount = None,
    take: Taken = Take.RECENT,
    seed: Seed = DEFAULTS.seed,
    follow: Follow = True,
) -> None:
    """Scores runs, champion and challenger if none are named, on one and the same latest window."""
    with _asking() as redis:
        request = Evaluate(application=application, run_ids=run or [], rows=_rows(take, rows, seed))
        _submit(redis, request, follow)


@cli.command()
def diagnose(
    application: App,
    diagnostic: Annotated[str, typer.Argument(help="The diagnostic's id")],
    run: Annotated[str, typer.Option(help="The run; not said where the live models are meant")] = "",
    parameter: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE; more than once for several")
    ] = None,
    follow: Follow = True,
) -> None:
    """Computes a diagnostic of a run."""
    with _asking() as redis:
        chosen = dict(_pair(text) for text in parameter or [])
        _submit(
            redis,
            Diagnose(application=application, run_id=run, diagnostic=diagnostic, parameters=chosen),
            follow,
        )


@cli.command()
def drift(
    application: App,
    run: Annotated[
        str, typer.Option(help="Compare with the rows of this run; the champion's if not said")
    ] = "",
    rows: Amount = None,
    take: Taken = Take.RECENT,
    seed: Seed = DEFAULTS.seed,
    follow: Follow = True,
) -> None:
    """Compares the newest rows with those that a run was trained on."""
    with _asking() as redis:
        _submit(redis, DriftReport(application=application, run_id=run, rows=_rows(take, rows, seed)), follow)


@cli.command()
def jobs(
    application: Annotated[str, typer.Option(help="Of this application only")] = "",
    most: Annotated[int, typer.Option(help="At most so many")] = 20,
) -> None:
    """Lists the newest jobs."""
    from batch.terminal import table

    with _asking() as redis:
        chosen = [applications.get(application).name] if application else list(APPLICATIONS)
        for line in table(batch_jobs.latest(redis, chosen, most)):
            typer.echo(line)


@cli.command()
def stop(job: Annotated[str, typer.Argument(help="The job's id")]) -> None:
    """Ends a job at once."""
    with _asking() as redis:
        typer.echo(f"{job}: {batch_jobs.stop(redis, job).state}")


def _submit(redis: Redis, request: Request, follow: bool) -> None:
    from batch.terminal import watch

    check(request, settings())
    report = batch_jobs.submit(redis, request)
    if not follow:
        typer.echo(report.id)
        return
    if watch(redis, report.id).state is not JobState.FINISHED:
        raise typer.Exit(1)


def _rows(take: Take, amount: float | None, seed: int, usual: float = DEFAULTS.amount) -> Rows:
    if amount is None:
        amount = 100 if take is Take.PERCENT else usual
    return Rows(take=take, amount=amount, seed=seed)


def _pair(text: str) -> tuple[str, float | int | str]:
    name, named, value = text.partition("=")
    if not named:
        raise ValueError(f"parameter {text!r}: write NAME=VALUE")
    try:
        return name, msgspec.convert(value, float, strict=False)
    except msgspec.ValidationError:
        return name, value


def _settings() -> Settings:
    try:
        return settings()
    except SettingsError as error:
        _refuse(str(error))


@contextmanager
def _asking() -> Iterator[Redis]:
    """Redis; what is wrong with the request or with Redis ends the command with one sentence."""
    from redis.exceptions import RedisError

    found = _settings()
    try:
        with redis_connect.client(found.redis.url) as redis:
            yield redis
    except RedisError as error:
        _refuse(f"Redis at {found.redis.url} is away: {error}")
    except (ValueError, LookupError) as error:
        _refuse(str(error.args[0]))


def _refuse(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(2)


if __name__ == "__main__":
    cli()
