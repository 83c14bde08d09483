"""Command line of the learners: `python -m learners run APPLICATION`, and `compile-loops` before it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from core.applications import APPLICATIONS
from core.applications import get as application
from core.settings import SettingsError, settings
from core.telemetry import configure
from learners.spare import spare_memory

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="Live models that learn from every event.")


@cli.callback()
def main() -> None:
    """Live models that learn from every event."""


@cli.command()
def run(
    name: Annotated[str, typer.Argument(metavar="APPLICATION", help=f"One of {', '.join(APPLICATIONS)}")],
) -> None:
    """Learns from an application's valid events until SIGTERM."""
    spare_memory()
    from learners.process import run as run_learner

    try:
        chosen, options = application(name), settings()
        options.signing_key()
    except (KeyError, SettingsError) as error:
        typer.echo(error.args[0], err=True)
        raise typer.Exit(2) from None
    configure(f"learner-{name}", options.log_level)
    raise typer.Exit(run_learner(chosen, options))


@cli.command()
def compile_loops(folder: Path) -> None:
    """Compiles what models and scores need into a folder, so that no learner has to (NUMBA_CACHE_DIR)."""
    import numba

    options: Any = numba.config
    options.CACHE_DIR = str(folder)
    spare_memory()
    from learners.warm import warm_up

    for chosen in APPLICATIONS.values():
        warm_up(chosen)


if __name__ == "__main__":
    cli()
