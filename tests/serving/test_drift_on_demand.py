"""Drift through the API: detectors, records at once, reports as JSON and as a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from redis import Redis

from core import drift_reports
from core.applications import APPLICATIONS
from core.declaration import Application
from core.drift import DriftReference, Verdict
from core.records import DriftEvent
from models.drift.inputs import category_reference, number_reference
from models.registered.events import event_frame, independent, own, windowed
from models.registered.inputs import plain
from serving import report_page
from serving.compared import compare
from tests.contract.events import sound
from tests.serving.conftest import Api, make_settings, serving
from tests.serving.models import CLASSIFIER, put_report

NAME = CLASSIFIER.name
NOW = datetime(2026, 11, 21, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script>'


def url(what: str, name: str = NAME) -> str:
    return f"/api/v1/monitoring/{name}/{what}"


def events(application: Application, seeds: range) -> list[dict[str, Any]]:
    made = [sound(application, seed) for seed in seeds]
    return [{k: v for k, v in one.items() if k != application.label} for one in made]


def reference(application: Application) -> DriftReference:
    """Of events as the form draws them."""
    told = events(application, range(1_000))
    frame = event_frame(application, told)
    return DriftReference(
        application=application.name,
        run_id="r1",
        report="",
        made=NOW,
        rows=len(frame),
        independent=independent(application, told),
        start=NOW - timedelta(days=2),
        end=NOW - timedelta(days=1),
        inputs=[
            category_reference(one.name, frame[one.name].astype(object).to_numpy())
            if one.kind == "category"
            else number_reference(one.name, one.kind, plain(one, frame[one.name]))
            for one in own(application)
        ],
    )


@pytest.fixture
def api(redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    with serving(make_settings(tmp_path, redis_url)) as client:
        client.services.live.poll(redis)
        yield client


def learned_from(redis: Redis, application: Application) -> DriftReference:
    """Keeps a report, as the batch worker does, with its reference."""
    older = reference(application)
    found = compare(application, older, events(application, range(2_000, 2_300)), drift_reports.fresh_id())
    drift_reports.keep(redis, msgspec.structs.replace(found, source="table"), older)
    return older


@pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)
def test_records_like_the_reference_are_stable_and_others_are_not(
    api: Api, redis: Redis, application: Application
) -> None:
    older = learned_from(redis, application)
    told = events(application, range(5_000, 5_400))
    found = api.post(url("drift", application.name), json={"records": told}).json()
    assert {one["name"] for one in found["inputs"]} == {one.name for one in older.inputs}
    assert found["rows"] == 400
    assert found["verdict"] == Verdict.STABLE
    assert (found["run_id"], found["source"], found["id"]) == ("r1", "records", "")
    assert found["left_out"] == list(windowed(application))
    number = next(one for one in own(application) if one.kind == "number" and one.share_of is None)
    outer, _, inner = number.path.partition(".")
    values = [one[outer][inner] if inner else one[outer] for one in told]
    highest = max(value for value in values if value is not None)
    for one in told:
        if inner:
            one[outer][inner] = highest
        else:
            one[outer] = highest
    moved = api.post(url("drift", application.name), json={"records": told}).json()
    assert (moved["inputs"][0]["name"], moved["verdict"]) == (number.name, Verdict.STRONG)
    assert moved["result"]["panels"]


def test_few_records_say_so(api: Api, redis: Redis) -> None:
    learned_from(redis, CLASSIFIER)
    found = api.post(url("drift"), json={"records": events(CLASSIFIER, range(5))}).json()
    assert "can't be told from chance" in found["result"]["note"]
    assert found["verdict"] == Verdict.STABLE
    assert min(one["by_chance"] for one in found["inputs"]) > 0.25


def test_what_is_wrong_is_named(api: Api, redis: Redis) -> None:
    told = {"records": events(CLASSIFIER, range(3))}
    missing = api.post(url("drift"), json=told)
    assert (missing.status_code, '{"kind": "drift"}' in missing.json()["detail"]) == (404, True)
    learned_from(redis, CLASSIFIER)
    told["records"][2]["amount"] = -1
    for body, field in ((told, "records.2.amount"), ({"records": []}, "records"), ({}, "records")):
        refused = api.post(url("drift"), json=body)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert api.post(url("drift"), content=b"{").status_code == 400
    assert api.get(url("drift", "nope")).status_code == 404


def test_detectors_and_the_latest_reports(api: Api, redis: Redis) -> None:
    nothing = api.get(url("drift")).json()
    assert (nothing["detectors"], nothing["reports"]) == ([], {})
    told = [
        DriftEvent(
            application=NAME,
            model=model,
            feature=feature,
            time=NOW + timedelta(hours=n),
            before=1,
            after=2,
            magnitude=1,
            detector="ADWIN",
        )
        for n, (model, feature) in enumerate([("", "amount"), ("m", ""), ("", "amount")])
    ]
    put_report(redis, NAME, drift=told, drifts={"input": 12, "error": 1})
    learned_from(redis, CLASSIFIER)
    api.services.live.poll(redis)
    found = api.get(url("drift")).json()
    assert found["changes"] == {"input": 12, "error": 1}
    said = [(one["kind"], one["input"], one["model"], one["changes"]) for one in found["detectors"]]
    assert said == [("input", "amount", "", 2), ("error", "", "m", 1)]
    assert found["detectors"][0]["last"]["time"] == "2026-11-21T02:00:00Z"
    short = found["reports"]["table"]["summary"]
    assert (short["verdict"], short["level"], short["share"], short["drifted"]) == ("stable", "ok", 0, 0)
    assert 0 <= found["reports"]["table"]["age_s"] < 60
    assert found["reference"] == "2026-11-21T00:00:00Z"
    text = api.get("/metrics").text
    assert f'millrace_drift_share{{application="{NAME}",source="table"}} 0.0' in text


def test_reports_are_kept_listed_and_read(api: Api, redis: Redis) -> None:
    learned_from(redis, CLASSIFIER)
    told = {"records": events(CLASSIFIER, range(200))}
    kept = api.post(url("drift"), json=told, params={"keep": True}).json()
    assert kept["id"]
    listed = api.get(url("reports")).json()["reports"]
    assert [one["source"] for one in listed] == ["records", "table"]
    assert listed[0]["id"] == kept["id"]
    assert api.get(url(f"reports/{kept['id']}")).json() == kept
    file = api.get(url(f"reports/{kept['id']}"), params={"download": True, "format": "html"})
    assert file.headers["content-disposition"] == f'attachment; filename="{NAME}-drift-{kept["id"]}.html"'
    assert api.get(url("reports/nope")).json()["errors"][0]["field"] == "report"
    assert api.get(url(f"reports/{kept['id']}"), params={"format": "pdf"}).status_code == 422


class Read(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)
def test_the_page_needs_nothing_else_and_runs_nothing(
    api: Api, redis: Redis, application: Application
) -> None:
    older = reference(application)
    first = msgspec.structs.replace(older.inputs[0], labels=[HOSTILE] * len(older.inputs[0].labels))
    older = msgspec.structs.replace(older, run_id=HOSTILE, inputs=[first, *older.inputs[1:]])
    found = compare(application, older, events(application, range(300)), drift_reports.fresh_id())
    drift_reports.keep(redis, found)
    answer = api.get(url(f"reports/{found.id}", application.name), params={"format": "html"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == report_page.POLICY
    page = Read(answer.text)
    assert set(page.tags).isdisjoint({"script", "link", "img", "iframe", "object", "form", "a", "base"})
    assert not {name for name in page.attributes if name.startswith("on") or name in ("src", "href", "style")}
    assert not re.search(r"https?:|url\(|@import", answer.text)
    assert HOSTILE in page.text, "it is shown as it is"
    assert page.tags.count("svg") > len(found.result.panels)
    assert all(one.name in page.text for one in found.inputs)


def test_bars_are_as_long_as_their_values(redis: Redis) -> None:
    older = reference(CLASSIFIER)
    found = compare(CLASSIFIER, older, events(CLASSIFIER, range(300)), "")
    stability = found.result.panels[0]
    drawn = report_page._lying(stability, stability.series)  # type: ignore[arg-type]
    widths = [float(one) for one in re.findall(r'<rect [^>]*width="([0-9.]+)"', drawn)]
    values = stability.series[0].values  # type: ignore[union-attr]
    assert np.corrcoef(widths, np.array(values, float))[0, 1] > 0.999


def test_without_redis_it_is_named(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path)) as api:
        told = {"records": events(CLASSIFIER, range(1))}
        answers = [api.get(url("drift")), api.get(url("reports")), api.post(url("drift"), json=told)]
        for one in (*answers, api.get(url("reports/x"))):
            assert (one.status_code, "Redis is away" in one.json()["detail"]) == (503, True)
