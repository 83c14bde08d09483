"""The command says what the API did, and asks it for what was meant."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner

from core.applications import APPLICATIONS
from infra import replay

NAME = next(iter(APPLICATIONS))

app = typer.Typer()
app.command()(replay.main)


def run(
    monkeypatch: pytest.MonkeyPatch, *arguments: str, status: int = 200, **answer: Any
) -> tuple[Any, Any]:
    asked: list[Any] = []
    whole = {"matching": 5, "already_replayed": 2, "selected": 3, "replayed": 3, "failed": 0} | answer

    def post(url: str, *, json: Any, **_: Any) -> httpx.Response:
        asked.append((url, json))
        return httpx.Response(status, json=whole)

    monkeypatch.setattr(httpx, "post", post)
    return CliRunner().invoke(app, list(arguments)), asked


def test_the_choice_reaches_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = ("--reason", "out_of_range", "--field", "a.b", "--since", "2026-11-01T10:00:00", "--limit", "7")
    done, [(url, body)] = run(monkeypatch, NAME, *chosen)
    assert url.endswith(f"/api/v1/monitoring/{NAME}/dead-letters/replay")
    assert json.loads(json.dumps(body)) == {
        "reason": "out_of_range",
        "field": "a.b",
        "since": "2026-11-01T10:00:00+00:00",
        "limit": 7,
        "dry_run": False,
    }
    assert done.exit_code == 0
    assert "5 match, 2 of them" in done.output
    assert "3 produced again" in done.output


def test_a_dry_run_says_what_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    done, [(_, body)] = run(monkeypatch, NAME, "--dry-run", replayed=0)
    assert body["dry_run"] is True
    assert "3 would be produced again" in done.output


def test_failures_end_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, NAME, failed=1)[0].exit_code == 1
    refused, _ = run(monkeypatch, NAME, status=503, detail="the broker is away")
    assert (refused.exit_code, "the broker is away" in refused.output) == (1, True)
    unknown, asked = run(monkeypatch, "nope")
    assert (unknown.exit_code, asked) == (2, [])
