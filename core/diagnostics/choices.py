"""What a person chose for a diagnostic: checked, completed with defaults, and spelled as a key.

request -> choices -> worker computes under this digest -> API finds the result under the same digest
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from core.diagnostics.declared import Diagnostic, Parameter

Choice = float | int | str

VERSION = 1
"""Of what is computed: a higher one leaves results that are kept aside."""

LIVE = "live"
"""Stands for the run where a diagnostic is about the live models."""

KEPT_SECONDS = 7 * 86_400
"""How long Redis keeps a result of a run; the run itself keeps it for good."""

LIVE_SECONDS = 30
"""How long a result about the live models counts as new."""

LONGEST = 200
"""Characters of a chosen text."""


class BadChoice(ValueError):
    """A parameter that a diagnostic does not have, or a value that it does not take; names both."""


def choices(diagnostic: Diagnostic, given: Mapping[str, Any]) -> dict[str, Choice]:
    """Every parameter of the diagnostic with its value; raises BadChoice with all that is wrong.

    Whether an input is one of the model's is not known here: the computation says so.
    """
    problems = list(_problems(diagnostic, given))
    if problems:
        raise BadChoice(f"{diagnostic.id}: " + "; ".join(problems))
    return {one.name: _value(one, given.get(one.name, one.default)) for one in diagnostic.parameters}


def digest(diagnostic: str, chosen: Mapping[str, Choice]) -> str:
    """16 characters that stand for a diagnostic and all its parameters, whatever their order."""
    text = msgspec.json.encode([VERSION, diagnostic, sorted(chosen.items())])
    return blake2b(text, digest_size=8).hexdigest()


def _problems(diagnostic: Diagnostic, given: Mapping[str, Any]) -> Iterator[str]:
    known = {one.name: one for one in diagnostic.parameters}
    for name, value in given.items():
        if name not in known:
            yield f"no parameter {name!r}; there are {', '.join(known) or 'none'}"
        elif problem := _problem(known[name], value):
            yield f"{name}={value!r}: {problem}"


def _problem(parameter: Parameter, value: Any) -> str:
    """What is wrong with a value; empty when it may be chosen."""
    match parameter.kind:
        case "integer" | "float":
            return _number_problem(parameter, value)
        case "choice":
            return "" if value in parameter.values else f"there are {', '.join(parameter.values)}"
        case _:
            fits = isinstance(value, str) and len(value) <= LONGEST
            return "" if fits else f"the name of an input, at most {LONGEST} characters, or empty"


def _number_problem(parameter: Parameter, value: Any) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return "not a number"
    low = -float("inf") if parameter.low is None else parameter.low
    high = float("inf") if parameter.high is None else parameter.high
    if not low <= number <= high:
        return f"must lie in {low:g}..{high:g}"
    whole = parameter.kind != "integer" or number % 1 == 0
    return "" if whole else "not a whole number"


def _value(parameter: Parameter, value: Any) -> Choice:
    match parameter.kind:
        case "integer":
            return int(float(value))
        case "float":
            return float(value)
        case _:
            return str(value)
