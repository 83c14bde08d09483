"""What to train: recipe, rows, hyperparameters, a budget to look for better ones; told in words first."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from core.api.batch import BatchAnswer, ParameterAnswer, RecipeAnswer
from core.api.client.batch import Value
from core.batch import HISTORY, Rows, Take, Train
from core.declaration import Application
from core.recipes import RECIPES
from ui import formats

TAKES: Final = {
    Take.RECENT: "Newest",
    Take.RANDOM: "Random",
    Take.PERCENT: "Per cent",
    Take.ALL: "All",
}

TUNE_SECONDS: Final = 60
TUNE_MOST: Final = 3_600


def draw(application: Application, known: BatchAnswer) -> Train:
    """The widgets; returns the request that they describe."""
    recipe = _recipe(application, known.recipes)
    rows = _rows(application, known)
    changed = _parameters(application, recipe)
    seconds = _tuning(application) if RECIPES[recipe.name].tunable else 0.0
    request = Train(
        application=application.name, recipe=recipe.name, rows=rows, parameters=changed, tune_seconds=seconds
    )
    st.caption(words(request, recipe, known.rows, known.most_rows))
    return request


def taken(rows: Rows, available: int | None, most: int | None = None) -> int | None:
    """How many rows a choice comes to; None where the table's size is not known."""
    if available is None:
        return None if rows.take in (Take.ALL, Take.PERCENT) else int(rows.amount)
    match rows.take:
        case Take.ALL:
            number = available
        case Take.PERCENT:
            number = int(available * rows.amount / 100)
        case _:
            number = min(available, int(rows.amount))
    return number if most is None else min(number, most)


def words(request: Train, recipe: RecipeAnswer, available: int | None, most: int | None = None) -> str:
    """What a training will do: which rows, how they are split, what is tuned."""
    number = taken(request.rows, available, most)
    of = "" if available is None else f" of {formats.count(available)}"
    rows = {
        Take.RECENT: f"the newest {formats.count(number)}{of} rows",
        Take.RANDOM: f"{formats.count(number)}{of} rows at random (seed {request.rows.seed})",
        Take.PERCENT: f"{request.rows.amount:g} % of the rows at random (seed {request.rows.seed}), "
        f"{formats.count(number)}{of}",
        Take.ALL: f"all {formats.count(number)} rows",
    }[request.rows.take]
    tuned = (
        f" First it looks up to {formats.span(request.tune_seconds)} for better hyperparameters, "
        "judged on the validation rows."
        if request.tune_seconds
        else ""
    )
    return (
        f"Takes {rows} whose label is known, and splits them by time: 60 % to train, 20 % to choose when to "
        f"stop, 20 % to score.{tuned} Then {recipe.title or recipe.name} is fitted, scored on the last part, "
        "and registered as challenger."
    )


def _recipe(application: Application, recipes: list[RecipeAnswer]) -> RecipeAnswer:
    known = {one.name: one for one in recipes}
    chosen = st.segmented_control(
        "Model",
        list(known),
        default=next(iter(known)),
        required=True,
        format_func=lambda name: known[name].title or formats.words(name),
        key=f"{application.name}:recipe",
        persist_state="session",
    )
    return known.get(chosen or "") or recipes[0]


def _rows(application: Application, known: BatchAnswer) -> Rows:
    take = st.segmented_control(
        "Rows",
        list(TAKES),
        default=HISTORY.take,
        required=True,
        format_func=lambda one: TAKES[one],
        key=f"{application.name}:take",
        persist_state="session",
        width="stretch",
    )
    take = Take(take or HISTORY.take)
    common: dict[str, Any] = {"persist_state": "session"}
    amount = 100.0
    if take == Take.PERCENT:
        name = f"{application.name}:percent"
        amount = st.number_input("Per cent of the rows", 0.1, 100.0, 25.0, 5.0, key=name, **common)
    elif take != Take.ALL:
        most = known.most_rows or 10_000_000
        name = f"{application.name}:amount"
        amount = st.number_input(
            "Number of rows",
            min(100, most),
            most,
            min(int(HISTORY.amount), most),
            1_000,
            key=name,
            **common,
        )
    seed = int(st.session_state.get(_seed(application), 42))
    return Rows(take=take, amount=amount or 1, seed=seed)


def _parameters(application: Application, recipe: RecipeAnswer) -> dict[str, Value]:
    """Those that differ from the recipe's own."""
    changed: dict[str, Value] = {}
    with st.expander("Hyperparameters", icon=":material/tune:"):
        st.number_input("Seed of the random draw", min_value=0, value=42, step=1, key=_seed(application))
        grid = st.grid(2, min_column_width=130, gap="small")
        for one in recipe.parameters:
            with grid.cell():
                value = _hyperparameter(one, f"{application.name}:{recipe.name}:{one.name}")
            if value is not None and value != one.default:
                changed[one.name] = value
    return changed


def _hyperparameter(one: ParameterAnswer, key: str) -> Value | None:
    title = formats.words(one.name)
    common: dict[str, Any] = {"key": key, "help": one.help or None}
    value: Value | None = None
    match one.default:
        case int() as default if _whole(one.low) and _whole(one.high):
            value = st.number_input(title, _int(one.low), _int(one.high), default, 1, **common)
        case int() | float() as default:
            step = max(1e-4, abs(default) / 10)
            value = st.number_input(title, one.low, one.high, float(default), step, "%.4g", **common)
        case str() as default if one.choices:
            index = one.choices.index(default) if default in one.choices else 0
            value = st.selectbox(title, one.choices, index=index, format_func=formats.words, **common)
        case str() as default:
            value = st.text_input(title, default, **common)
    return value


def _whole(bound: float | None) -> bool:
    return bound is None or bound % 1 == 0


def _int(bound: float | None) -> int | None:
    return None if bound is None else int(bound)


def _tuning(application: Application) -> float:
    wanted = st.toggle("Look for better hyperparameters first", key=f"{application.name}:tune")
    if not wanted:
        return 0.0
    seconds = st.number_input(
        "For at most (s)",
        min_value=5,
        max_value=TUNE_MOST,
        value=TUNE_SECONDS,
        step=30,
        key=f"{application.name}:tune-seconds",
    )
    return float(seconds or TUNE_SECONDS)


def _seed(application: Application) -> str:
    return f"{application.name}:seed"
