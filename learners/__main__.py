"""Command line of the learners: `python -m learners run APPLICATION`."""

from __future__ import annotations

from typing import Annotated

import typer

from core.applications import APPLICATIONS
from core.applications import get as application
from core.settings import SettingsError, settings
from core.telemetry import configure
from learners.process import run as run_learner

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="Live models that learn from every event.")


@cli.callback()
def main() -> None:
    """Live models that learn from every event."""


@cli.command()
def run(
    name: Annotated[str, typer.Argument(metavar="APPLICATION", help=f"One of {', '.join(APPLICATIONS)}")],
) -> None:
    """Learns from an application's valid events until SIGTERM."""
    try:
        chosen, options = application(name), settings()
        options.signing_key()
    except (KeyError, SettingsError) as error:
        typer.echo(error.args[0], err=True)
        raise typer.Exit(2) from None
    configure(f"learner-{name}", options.log_level)
    raise typer.Exit(run_learner(chosen, options))


if __name__ == "__main__":
    cli()
