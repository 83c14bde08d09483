"""Tokens: what is taken, what stops the start, and that no secret is ever shown."""

from __future__ import annotations

import hmac
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import SecretStr

from core import settings as all_settings
from core.api.access import Role
from core.settings import SettingsError
from serving.access import tokens
from serving.access.start import access
from tests.serving.conftest import make_settings

ANN = "ann-secret-0123456789"
BOB = "bob-secret-0123456789"
LINE = f"ann operator {ANN}"
HASHED = f"bob admin sha256:{sha256(BOB.encode()).hexdigest()}"


def read(
    tmp_path: Path, environment: str | None = None, file: str | None = None, mode: int = 0o600
) -> tokens.Tokens:
    path = None
    if file is not None:
        path = tmp_path / "tokens"
        path.write_text(file)
        path.chmod(mode)
    given = SecretStr(environment) if environment is not None else None
    serving = all_settings.Serving(tokens=given, tokens_file=path)
    return tokens.read(make_settings(tmp_path, serving=serving))


def test_environment_and_file_add_up(tmp_path: Path) -> None:
    file = f"# who may\n\n{HASHED}\n"
    found = read(tmp_path, f"ann:operator:{ANN}, eve:viewer:sha256:{'0' * 64}", file)
    assert [(one.name, one.role) for one in found.holders] == [
        ("ann", Role.OPERATOR),
        ("eve", Role.VIEWER),
        ("bob", Role.ADMIN),
    ]
    named = {secret: one.name for secret in (ANN, BOB) if (one := found.find(secret.encode()))}
    assert named == {ANN: "ann", BOB: "bob"}
    assert found.find(b"") is None
    assert found.find(ANN[:-1].encode()) is None
    assert ANN not in repr(vars(found))


def test_without_tokens_there_are_none(tmp_path: Path) -> None:
    assert not read(tmp_path)
    assert not read(tmp_path, " ")


@pytest.mark.parametrize(
    ("environment", "file", "says"),
    [
        (f"ann:root:{ANN}", None, "TOKENS, token 1: the role is unknown; there are viewer, operator, admin"),
        (
            f"ann:viewer:{ANN},bob:viewer:short-secret",
            None,
            "TOKENS, token 2: the secret must be at least 16",
        ),
        (f"ann:viewer:{ANN} with space", None, "TOKENS, token 1: the secret must be"),
        ("ann:viewer:sha256:1234", None, "TOKENS, token 1: a digest must be 64"),
        (ANN, None, "TOKENS, token 1: must be a name, a role and a secret"),
        (f"{ANN}:ann:viewer", None, "TOKENS, token 1: the role is unknown"),
        (f"a name:viewer:{ANN}", None, "TOKENS, token 1: the name must be"),
        (f"ann:viewer:{ANN},ann:admin:{BOB}", None, "TOKENS, token 2: another token has the same name"),
        (f"ann:viewer:{ANN}", f"eve viewer {ANN}", "line 1: another token has the same secret"),
        (None, f"{HASHED}\nann {ANN}", "TOKENS_FILE=.*, line 2: must be a name, a role and a secret"),
        (None, "# nobody\n", "TOKENS_FILE=.*: holds no token"),
        (None, "ann viewer s\N{LATIN SMALL LETTER E WITH ACUTE}cret-of-sixteen", "other than ASCII"),
    ],
)
def test_what_is_wrong_is_named_but_not_shown(
    tmp_path: Path, environment: str | None, file: str | None, says: str
) -> None:
    with pytest.raises(SettingsError, match=f"MILLRACE_SERVING__.*{says}") as caught:
        read(tmp_path, environment, file)
    for secret in (ANN, BOB, "short-secret"):
        assert secret not in str(caught.value)
        assert secret not in repr(make_settings(tmp_path, serving=_given(environment)))


def _given(environment: str | None) -> all_settings.Serving:
    return all_settings.Serving(tokens=SecretStr(environment) if environment else None)


@pytest.mark.parametrize("mode", [0o644, 0o602])
def test_a_file_that_everyone_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    assert read(tmp_path, file=LINE, mode=0o640)
    with pytest.raises(SettingsError, match=r"MILLRACE_SERVING__TOKENS_FILE=.*chmod 600"):
        read(tmp_path, file=LINE, mode=mode)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    serving = all_settings.Serving(tokens_file=tmp_path / "none")
    with pytest.raises(SettingsError, match=r"MILLRACE_SERVING__TOKENS_FILE=.*No such file"):
        tokens.read(make_settings(tmp_path, serving=serving))


def test_every_token_is_compared_whatever_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(tmp_path, f"ann:viewer:{ANN},bob:viewer:{BOB}")
    compared: list[bytes] = []

    def compare(left: bytes, right: bytes) -> bool:
        compared.append(right)
        return left == right

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for presented in (ANN, BOB, "neither"):
        compared.clear()
        found.find(presented.encode())
        assert compared == [one.digest for one in found.holders]


ANYWHERE = "0.0.0.0"  # noqa: S104 - with tokens it may be


def test_with_tokens_it_may_listen_beyond_this_machine(tmp_path: Path) -> None:
    serving = all_settings.Serving(host=ANYWHERE, tokens=SecretStr(f"ann:viewer:{ANN}"))
    assert access(make_settings(tmp_path, serving=serving)).hosts == frozenset()
    assert serving.url == "http://127.0.0.1:8000"
    serving = all_settings.Serving(
        host="10.1.2.3", allowed_hosts="API.example.org, [::2]", tokens=SecretStr(f"ann:viewer:{ANN}")
    )
    hosts = access(make_settings(tmp_path, serving=serving)).hosts
    assert hosts == {"10.1.2.3", "api.example.org", "[::2]"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("allowed_hosts", "*"),
        ("allowed_hosts", "example.org:80"),
        ("cors_origins", "*"),
        ("cors_origins", "null"),
        ("cors_origins", "https://example.org/"),
        ("cors_origins", "example.org"),
    ],
)
def test_there_is_no_wildcard(tmp_path: Path, field: str, value: str) -> None:
    serving = all_settings.Serving.model_validate({field: value})
    with pytest.raises(SettingsError, match=f"MILLRACE_SERVING__{field.upper()}=.*no wildcard"):
        access(make_settings(tmp_path, serving=serving))


def test_the_dashboards_token_is_a_header(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all_settings.Settings().api_headers == {}
    monkeypatch.setenv("MILLRACE_UI__TOKEN", ANN)
    assert all_settings.load().api_headers == {"authorization": f"Bearer {ANN}"}
    assert ANN not in repr(all_settings.load())
    monkeypatch.setenv("MILLRACE_UI__TOKEN", f"{ANN}\n")
    with pytest.raises(SettingsError, match=r"MILLRACE_UI__TOKEN=\(not shown\)") as caught:
        all_settings.load()
    assert ANN not in str(caught.value)


def command(tmp_path: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "MILLRACE_SECRET": "x", "MILLRACE_VAR": str(tmp_path), **env}
    return subprocess.run(
        [sys.executable, "-m", "serving", *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_makes_a_token_that_the_file_takes(tmp_path: Path) -> None:
    done = command(tmp_path, "token", "ann", "operator")
    assert done.returncode == 0, done.stderr
    secret, line = (text.rpartition(": ")[2] for text in done.stdout.splitlines())
    assert secret not in line
    holder = read(tmp_path, file=line).find(secret.encode())
    assert holder is not None
    assert (holder.name, holder.role) == ("ann", Role.OPERATOR)
    assert command(tmp_path, "token", "ann", "root").returncode == 2


def test_a_bad_token_stops_the_start_in_words(tmp_path: Path) -> None:
    done = command(tmp_path, MILLRACE_SERVING__TOKENS=f"ann:root:{ANN}")
    assert done.returncode == 1
    assert done.stderr.startswith("MILLRACE_SERVING__TOKENS, token 1: the role is unknown")
    assert ANN not in done.stderr + done.stdout
