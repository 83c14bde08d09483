"""One supervised process of the local stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]

APP_PYTHON = REPO / ".venv" / "bin" / "python"

FLINK_PYTHON = REPO / "flink_jobs" / ".venv" / "bin" / "python"

JARS = REPO / ".tools"


@dataclass(frozen=True, slots=True)
class Program:
    """How a part is started."""

    name: str
    command: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    """The setting that moves a port -> the port that it will listen on."""
    stop_seconds: int = 15
    """How long it may take to end before it is killed."""
    wave: int = 2
    """Parts end wave by wave, the highest first: 3 what feeds, 2 what works, 1 and 0 what they stand on."""


def stop_order(programs: Iterable[Program]) -> list[list[str]]:
    """The names of the parts in the order in which they end; those of one wave end together."""
    waves: dict[int, list[str]] = {}
    for program in programs:
        waves.setdefault(program.wave, []).append(program.name)
    return [waves[wave] for wave in sorted(waves, reverse=True)]
