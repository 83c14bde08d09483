"""The ledger of alerts: any order of reports ends alike, one hand wins, what still burns opens again."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from core.api.alerts import AlertAnswer, AlertDid, AlertState
from serving import alerts as ledger
from serving.alerts import Alerts, Reported, Settled, alert_id
from tests.serving.conftest import Api, make_settings, serving

URL = "/api/v1/monitoring/alerts"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
REOPEN = timedelta(minutes=5)


def reported(status: str = "firing", n: int = 0, begin: int = 0, end: int | None = None, **more: Any) -> Any:
    """One alert as Alertmanager tells it; begin, end: minutes."""
    return {
        "status": status,
        "labels": {"alertname": f"A{n}", "severity": "critical"} | more,
        "annotations": {"summary": "something is wrong"},
        "startsAt": f"2026-11-21T10:{begin:02d}:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z" if end is None else f"2026-11-21T11:{end:02d}:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": f"{n:016x}",
    }


def notification(*told: Any) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "millrace",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": list(told),
    }


def struct(told: Any) -> Reported:
    return msgspec.convert(told, Reported)


@pytest.fixture
def alerts(redis: Redis) -> Alerts:
    return Alerts(redis, REOPEN)


@pytest.fixture
def api(redis: Redis, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    with serving(make_settings(tmp_path, redis_url)) as client:
        client.services.live.poll(redis)
        yield client


def test_an_alert_from_its_begin_to_its_end(api: Api) -> None:
    told = api.post(URL, json=notification(reported(), reported(n=1, severity="warning", application="x")))
    assert told.json() == {"received": 2, "new": 2, "changed": 0}
    assert api.post(URL, json=notification(reported())).json() == {"received": 1, "new": 0, "changed": 0}
    body = api.get(URL, params={"severity": "critical"}).json()
    assert body["matching"] == 1
    one = body["alerts"][0]
    assert (one["name"], one["state"], one["application"], one["end"]) == ("A0", "firing", None, None)
    taken = api.post(f"{URL}/{one['id']}/acknowledge", json={"note": "on it"}).json()
    assert (taken["state"], taken["by"]) == ("acknowledged", "local")
    summary = api.get(f"{URL}/summary").json()
    assert summary["states"] == {"firing": 1, "acknowledged": 1, "resolved": 0}
    assert summary["severities"] == {"critical": 1, "warning": 1}
    assert summary["applications"] == {"": 1, "x": 1}
    assert summary["oldest"]["name"] == "A1"
    assert api.post(URL, json=notification(reported("resolved", end=30))).json()["changed"] == 1
    done = api.get(f"{URL}/{one['id']}").json()
    assert (done["state"], done["end"], done["by"]) == ("resolved", "2026-11-21T11:30:00Z", "local")
    assert [(entry["what"], entry["who"], entry["note"]) for entry in done["history"]] == [
        ("fired", "alertmanager", ""),
        ("acknowledged", "local", "on it"),
        ("resolved", "alertmanager", ""),
    ]
    assert [one["name"] for one in api.get(URL, params={"state": "firing"}).json()["alerts"]] == ["A1"]
    assert api.get(URL, params={"application": ""}).json()["matching"] == 1


def test_what_can_not_be_done_is_told(api: Api) -> None:
    api.post(URL, json=notification(reported()))
    one = api.get(URL).json()["alerts"][0]["id"]
    api.post(f"{URL}/{one}/acknowledge")
    again = api.post(f"{URL}/{one}/acknowledge", json={"note": "me too"})
    assert again.status_code == HTTPStatus.CONFLICT
    assert "acknowledged by local" in again.json()["detail"]
    assert api.post(f"{URL}/{one}/resolve", json={"note": "gone"}).json()["state"] == "resolved"
    assert api.post(f"{URL}/{one}/resolve").status_code == HTTPStatus.CONFLICT
    assert api.post(f"{URL}/{one}/acknowledge").status_code == HTTPStatus.CONFLICT
    assert api.get(f"{URL}/nope").status_code == HTTPStatus.NOT_FOUND
    assert api.post(f"{URL}/nope/resolve").json()["errors"][0]["field"] == "alert"
    assert api.post(f"{URL}/{one}/resolve", json={"say": 1}).json()["errors"][0]["field"] == "say"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": "3"}, "version"),
        ({"alerts": 5}, "alerts"),
        ({"alerts": [{"status": "burning"}]}, "alerts[0].status"),
        ({"alerts": [reported() | {"startsAt": "2026-11-21T10:00:00"}]}, "alerts.0.startsAt"),
        ({"alerts": [reported() | {"startsAt": "0001-01-01T00:00:00Z"}]}, "alerts.0.startsAt"),
        ({"alerts": [reported() | {"labels": {"a": 1}}]}, "alerts[0].labels[...]"),
    ],
)
def test_a_wrong_notification_is_refused(api: Api, change: dict[str, Any], field: str) -> None:
    answer = api.post(URL, json=notification() | change)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.json()["errors"][0]["field"] == field


DELIVERIES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 1), st.sampled_from([None, 10, 20, 30])), max_size=8
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=DELIVERIES, data=st.data())
def test_any_order_and_any_repeats_end_alike(redis: Redis, told: list[Any], data: st.DataObject) -> None:
    """Reports on their way may overtake one another and come twice: the state is that of all of them."""
    ends = []
    repeated = told + data.draw(st.lists(st.sampled_from(told), max_size=4)) if told else []
    for order in (told, data.draw(st.permutations(repeated))):
        redis.flushall()
        alerts = Alerts(redis, REOPEN)
        for place, (n, begin, end) in enumerate(order):
            one = struct(reported("firing" if end is None else "resolved", n, begin, end))
            alerts.take([one], "r", NOW + timedelta(seconds=place))
        ends.append({one.id: (one.state, one.start, one.end, one.severity) for one in alerts.all()})
    assert ends[0] == ends[1]
    over = {(n, begin) for n, begin, end in told if end is not None}
    assert sum(state is AlertState.RESOLVED for state, *_ in ends[0].values()) == len(over)


def test_what_still_burns_opens_again(alerts: Alerts) -> None:
    one = struct(reported())
    alerts.take([one], "r", NOW)
    alerts.acknowledge(alert_id(one), "ann", "", NOW)
    alerts.resolve(alert_id(one), "ann", "it was the cable", NOW)
    assert alerts.take([one], "r", NOW + REOPEN / 2) == (0, 0), "it was on its way"
    assert alerts.one(alert_id(one)).state is AlertState.RESOLVED
    assert alerts.take([one], "r", NOW + 2 * REOPEN) == (0, 1)
    found = alerts.one(alert_id(one))
    assert (found.state, found.end, found.by) == (AlertState.FIRING, None, "")
    assert found.history[-1].what is AlertDid.REOPENED
    assert alerts.acknowledge(alert_id(one), "bob", "", NOW).by == "bob"


def test_alertmanager_ends_what_a_person_ended(alerts: Alerts) -> None:
    one = struct(reported())
    alerts.take([one], "r", NOW)
    alerts.resolve(alert_id(one), "ann", "", NOW)
    alerts.take([struct(reported("resolved", end=15))], "r", NOW)
    found = alerts.one(alert_id(one))
    assert (found.state, found.by) == (AlertState.RESOLVED, "ann")
    assert found.end == datetime(2026, 11, 21, 11, 15, tzinfo=UTC)
    assert [entry.who for entry in found.history] == ["alertmanager", "ann", "alertmanager"]


def test_of_many_hands_one_wins(alerts: Alerts) -> None:
    one = struct(reported())
    alerts.take([one], "r", NOW)
    won: list[AlertAnswer] = []
    lost: list[str] = []
    start = threading.Barrier(8)

    def take(who: str) -> None:
        start.wait()
        try:
            won.append(alerts.acknowledge(alert_id(one), who, "", NOW))
        except Settled as error:
            lost.append(str(error))

    threads = [threading.Thread(target=take, args=(f"p{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert Counter(lost) == {f"it was acknowledged by {won[0].by} at 2026-11-21 12:00:00 UTC": 7}
    found = alerts.one(alert_id(one))
    assert (found.by, len(found.history)) == (won[0].by, 2)


def test_who_comes_between_reading_and_writing_wins(
    alerts: Alerts, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = struct(reported())
    alerts.take([one], "r", NOW)
    decoded = ledger._decoded

    def interrupted(stored: bytes) -> AlertAnswer:
        monkeypatch.setattr(ledger, "_decoded", decoded)
        Alerts(redis, REOPEN).acknowledge(alert_id(one), "ann", "", NOW)
        return decoded(stored)

    monkeypatch.setattr(ledger, "_decoded", interrupted)
    with pytest.raises(Settled, match="acknowledged by ann"):
        alerts.acknowledge(alert_id(one), "bob", "", NOW)


def test_what_is_over_is_forgotten_first(alerts: Alerts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MOST_ALERTS", 3)
    alerts.take([struct(reported(n=n, begin=n)) for n in range(3)], "r", NOW)
    alerts.take([struct(reported("resolved", 2, 2, 5))], "r", NOW)
    alerts.take([struct(reported(n=7, begin=9))], "r", NOW)
    assert [one.name for one in alerts.all()] == ["A7", "A1", "A0"]


def test_labels_are_enough(alerts: Alerts) -> None:
    told = reported() | {"fingerprint": ""}
    turned = told | {"labels": dict(reversed(told["labels"].items()))}
    assert alerts.take([struct(told), struct(turned)], "r", NOW) == (1, 0)
    for label, wanted in (("fatal", "other"), ("", "none"), ("info", "info")):
        assert ledger.severity({"severity": label}) == wanted


def test_they_are_counted(api: Api) -> None:
    api.post(URL, json=notification(reported(), reported(n=1), reported(n=2, severity="loud")))
    text = api.get("/metrics").text
    assert 'millrace_alerts{severity="critical",state="firing"} 2.0' in text
    assert 'millrace_alerts{severity="critical",state="resolved"} 0.0' in text
    assert 'millrace_alerts{severity="other",state="firing"} 1.0' in text


def test_without_redis_it_is_named(tmp_path: Path) -> None:
    with serving(make_settings(tmp_path)) as api:
        for method, path in (("GET", URL), ("GET", f"{URL}/summary"), ("POST", f"{URL}/x/resolve")):
            answer = api.request(method, path)
            assert (answer.status_code, "Redis is away" in answer.json()["detail"]) == (503, True)
        assert api.post(URL, json=notification(reported())).status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert "millrace_alerts{" not in api.get("/metrics").text
