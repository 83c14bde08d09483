"""Produces dead letters again, through the HTTP API: after a fix, from the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import typer

from core.applications import APPLICATIONS
from core.settings import SettingsError, load
from core.validation import Reason

SECONDS = 120.0


def _ask(url: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    """The API's answer; ends the command with the API's own words when it refuses."""
    try:
        response = httpx.post(url, json=body, headers=headers, timeout=SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        typer.echo(f"the API at {url} does not answer: {error}", err=True)
        raise typer.Exit(1) from None
    found: dict[str, Any] = response.json()
    if not response.is_success:
        typer.echo(found.get("detail", response.text), err=True)
        raise typer.Exit(1)
    return found


def main(
    application: Annotated[str, typer.Argument(metavar="APP", help=f"One of {', '.join(APPLICATIONS)}.")],
    reason: Annotated[Reason | None, typer.Option(help="Only those refused for this reason.")] = None,
    field: Annotated[
        str | None, typer.Option(help="Only those refused for this field (dotted path).")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Only those refused at or after this time, UTC.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the oldest first.")] = 1000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be produced.")] = False,
) -> None:
    """Produce refused messages of an application again, as they came; each one only once.

    The API must run. What is refused again becomes a dead letter of its own.
    """
    if application not in APPLICATIONS:
        raise typer.BadParameter(f"no application {application!r}; there are {', '.join(APPLICATIONS)}")
    body = {
        "reason": reason,
        "field": field,
        "since": since.replace(tzinfo=UTC).isoformat() if since else None,
        "limit": limit,
        "dry_run": dry_run,
    }
    try:
        chosen = load()
        url = f"{chosen.serving.url}/api/v1/monitoring/{application}/dead-letters/replay"
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    found = _ask(url, body, chosen.api_headers)
    typer.echo(f"{found['matching']} match, {found['already_replayed']} of them were replayed before")
    if dry_run:
        typer.echo(f"{found['selected']} would be produced again")
        return
    typer.echo(f"{found['replayed']} produced again, {found['failed']} not taken by the broker")
    raise typer.Exit(1 if found["failed"] else 0)


if __name__ == "__main__":
    typer.run(main)
