"""Settings: a wrong value or name stops the start with that name."""

from pathlib import Path

import pytest

from core.settings import PREFIX, SettingsError, load, settings_table


@pytest.fixture(autouse=True)
def _empty(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def test_defaults() -> None:
    settings = load()
    assert settings.broker.url == "127.0.0.1:19092"
    assert set(settings.producers.rates.values()) == {10}
    assert settings.lake_uri == str(Path("var").resolve() / "lake")
    assert settings.api_url == "http://127.0.0.1:8000"


def test_a_value_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLRACE_BROKER__PARTITIONS", "7")
    monkeypatch.setenv("MILLRACE_PRODUCERS__RATE", "tfd=99, eta=0.5")
    settings = load()
    assert settings.broker.partitions == 7
    assert settings.producers.rates == {"tfd": 99, "eta": 0.5, "ecci": 0}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("MILLRACE_SERVING__PORT", "99999", "MILLRACE_SERVING__PORT='99999'.*65535"),
        ("MILLRACE_FLINK__PARALLELISM", "two", "MILLRACE_FLINK__PARALLELISM='two'"),
        ("MILLRACE_LOG_LEVEL", "LOUD", "MILLRACE_LOG_LEVEL='LOUD'"),
        ("MILLRACE_PRODUCERS__RATE", "nobody=1", "MILLRACE_PRODUCERS__RATE.*no application 'nobody'"),
        ("MILLRACE_PRODUCERS__RATE", "tfd=fast", "MILLRACE_PRODUCERS__RATE.*'fast' is not a number"),
        ("MILLRACE_PRODUCERS__RATE", "-1", "MILLRACE_PRODUCERS__RATE.*0..1000000"),
        (
            "MILLRACE_SERVING__PROT",
            "1",
            "MILLRACE_SERVING__PROT is not a setting; did you mean MILLRACE_SERVING__PORT",
        ),
    ],
)
def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=says):
        load()


def test_the_signing_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MILLRACE_VAR", str(tmp_path))
    with pytest.raises(SettingsError, match="MILLRACE_SECRET is not set"):
        load().signing_key()
    (tmp_path / "secret").write_text("from a file\n")
    assert load().signing_key() == b"from a file"
    monkeypatch.setenv("MILLRACE_SECRET", "given")
    assert load().signing_key() == b"given"
    assert "given" not in repr(load())


def test_every_setting_has_its_line_in_the_docs() -> None:
    text = Path("docs/settings.md").read_text()
    for name, default, help_ in settings_table():
        assert help_, f"{name} says nothing"
        shown = f"`{default}`" if default else ""
        assert f"| `{name}` | {shown} | {help_} |" in text, f"docs/settings.md lacks {name} as it is"
    assert text.count("| `MILLRACE_") == len(settings_table())
