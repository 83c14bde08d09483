"""The producers' command line: `python -m producers run tfd`, `python -m producers backfill tfd`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer

from core import telemetry
from core.applications import APPLICATIONS, get
from core.settings import SettingsError, settings
from producers.runner import Outcome, Runner, Stop

cli = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

App = Annotated[str, typer.Argument(metavar="APP", help=f"One of {', '.join(APPLICATIONS)}")]


@cli.command()
def run(app: App) -> None:
    """Produces live events at the application's rate until SIGTERM or SIGINT; then flushes and ends."""
    _finish(_deliver(app, lambda runner: runner.live()))


@cli.command()
def backfill(
    app: App,
    events: Annotated[int | None, typer.Option(min=0, help="How many; the setting if not given")] = None,
    days: Annotated[
        float | None, typer.Option(min=1e-6, help="Span up to now; the setting if not given")
    ] = None,
) -> None:
    """Produces past events as fast as the broker takes them; prints the counts as JSON, last."""
    outcome = _deliver(app, lambda runner: runner.backfill(events, days))
    typer.echo(json.dumps(asdict(outcome)))
    _finish(outcome)


def _deliver(app: str, work: Callable[[Runner], Outcome]) -> Outcome:
    """The outcome of `work`; an unknown application or a bad setting ends the command with its name."""
    try:
        application, config = get(app), settings()
    except (KeyError, SettingsError) as error:
        raise typer.BadParameter(str(error.args[0])) from None
    telemetry.configure(f"producer-{app}", config.log_level)
    stop = Stop()
    stop.listen()
    return work(Runner(application, config, stop))


def _finish(outcome: Outcome) -> None:
    """Exit status 0 only if the broker has every message."""
    raise typer.Exit(0 if outcome.complete else 1)


if __name__ == "__main__":
    cli()
