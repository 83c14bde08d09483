"""The producers' command line: `run APP`, `backfill APP`, `scenario APP NAME --minutes M`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TextIO

import typer

from core import scenarios, telemetry
from core.applications import APPLICATIONS, get
from core.connect import redis
from core.settings import SettingsError, settings
from producers.runner import Outcome, Runner, Stop

cli = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

App = Annotated[str, typer.Argument(metavar="APP", help=f"One of {', '.join(APPLICATIONS)}")]

Truth = Annotated[
    Path | None,
    typer.Option(help="File to which the hidden truth of each event is added, one JSON object a line"),
]


@cli.command()
def run(app: App, truth: Truth = None) -> None:
    """Produces live events at the application's rate until SIGTERM or SIGINT; then flushes and ends."""
    _finish(_deliver(app, lambda runner: runner.live(), truth))


@cli.command()
def backfill(
    app: App,
    events: Annotated[int | None, typer.Option(min=0, help="How many; the setting if not given")] = None,
    days: Annotated[
        float | None, typer.Option(min=1e-6, help="Span up to now; the setting if not given")
    ] = None,
    truth: Truth = None,
) -> None:
    """Produces past events as fast as the broker takes them; prints the counts as JSON, last."""
    outcome = _deliver(app, lambda runner: runner.backfill(events, days), truth)
    typer.echo(json.dumps(asdict(outcome)))
    _finish(outcome)


@cli.command()
def scenario(
    app: App,
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(scenarios.Name)}")],
    minutes: Annotated[float, typer.Option(help="How long it holds")] = scenarios.DEFAULT_MINUTES,
    strength: Annotated[
        float | None, typer.Option(help="How strong it is; docs/scenarios.md tells what that means")
    ] = None,
    after: Annotated[float, typer.Option(min=0, help="Minutes from now until it starts")] = 0,
) -> None:
    """Does something to the live stream for a while; `normal` ends it. Prints what holds as JSON."""
    from redis.exceptions import RedisError

    start = datetime.now(UTC) + timedelta(minutes=after)
    try:
        application, config = get(app), settings()
        plan = scenarios.planned(name, start=start, minutes=minutes, strength=strength)
    except (KeyError, ValueError) as error:
        raise typer.BadParameter(str(error.args[0])) from None
    try:
        with redis.client(config.redis.url) as client:
            scenarios.switch(client, application.name, plan)
    except (RedisError, OSError) as error:
        typer.echo(f"Redis is away at {config.redis.url} (MILLRACE_REDIS__URL): {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(scenarios.encode(plan).decode())


def _deliver(app: str, work: Callable[[Runner], Outcome], truth: Path | None) -> Outcome:
    """The outcome of `work`; an unknown application or a bad setting ends the command with its name."""
    try:
        application, config = get(app), settings()
    except (KeyError, SettingsError) as error:
        raise typer.BadParameter(str(error.args[0])) from None
    telemetry.configure(f"producer-{app}", config.log_level)
    stop = Stop()
    stop.listen()
    with _opened(truth) as file:
        return work(Runner(application, config, stop, file))


@contextmanager
def _opened(truth: Path | None) -> Iterator[TextIO | None]:
    """The file, to add to; a file that can't be written ends the command with its name."""
    if truth is None:
        yield None
        return
    try:
        file = truth.open("a", encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(f"--truth {truth}: {error.strerror}") from None
    with file:
        yield file


def _finish(outcome: Outcome) -> None:
    """Exit status 0 only if the broker has every message."""
    raise typer.Exit(0 if outcome.complete else 1)


if __name__ == "__main__":
    cli()
