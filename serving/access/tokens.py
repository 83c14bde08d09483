"""Tokens: who holds them, and which role they give.

MILLRACE_SERVING__TOKENS       ann:operator:SECRET,bob:viewer:sha256:DIGEST
MILLRACE_SERVING__TOKENS_FILE  one "name role SECRET" or "name role sha256:DIGEST" per line

Only SHA-256 digests stay in memory. Errors name the setting and the place; never a secret.
"""

from __future__ import annotations

import hmac
import re
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from core.api.access import Role
from core.settings import Settings, SettingsError

TOKENS = "MILLRACE_SERVING__TOKENS"
TOKENS_FILE = "MILLRACE_SERVING__TOKENS_FILE"

SHORTEST = 16
"""Characters of a token: fewer can be guessed."""

HASHED = "sha256:"

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECRET = re.compile(r"[!-~]+")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose token it is, and what it allows."""

    name: str
    role: Role
    digest: bytes = field(default=b"", repr=False)


LOCAL = Holder("local", Role.ADMIN)
"""The caller where no tokens are set: whoever works on this machine."""


class Tokens:
    """The tokens there are; none means that access is open."""

    def __init__(self, holders: tuple[Holder, ...] = ()) -> None:
        self.holders = holders

    def __bool__(self) -> bool:
        return bool(self.holders)

    def find(self, presented: bytes) -> Holder | None:
        """Whose token this is. All digests are compared, each in constant time: time tells nothing."""
        digest = sha256(presented).digest()
        found = None
        for holder in self.holders:
            if hmac.compare_digest(digest, holder.digest):
                found = holder
        return found


def new(name: str, role: Role) -> tuple[str, str]:
    """A new token, and its line for the file; raises SettingsError where the name won't do."""
    token = secrets.token_urlsafe(32)
    line = f"{name} {role} {HASHED}{sha256(token.encode()).hexdigest()}"
    _holder([name, role, token], "token")
    return token, line


def read(settings: Settings) -> Tokens:
    """The tokens of the settings; raises SettingsError that names what can't be used."""
    holders: list[Holder] = []
    for where, words in (*_from_environment(settings), *_from_file(settings.serving.tokens_file)):
        one = _holder(words, where)
        for other in holders:
            if other.name == one.name:
                raise SettingsError(f"{where}: another token has the same name")
            if hmac.compare_digest(other.digest, one.digest):
                raise SettingsError(f"{where}: another token has the same secret")
        holders.append(one)
    return Tokens(tuple(holders))


def _from_environment(settings: Settings) -> Iterator[tuple[str, list[str]]]:
    given = settings.serving.tokens.get_secret_value() if settings.serving.tokens else ""
    if given.strip():
        for place, text in enumerate(given.split(","), 1):
            yield f"{TOKENS}, token {place}", text.strip().split(":", 2)


def _from_file(path: Path | None) -> Iterator[tuple[str, list[str]]]:
    if path is None:
        return
    try:
        mode = path.stat().st_mode
        lines = path.read_text("ascii").splitlines()
    except OSError as error:
        raise SettingsError(f"{TOKENS_FILE}={path}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{TOKENS_FILE}={path}: holds something other than ASCII text") from None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise SettingsError(f"{TOKENS_FILE}={path}: everyone on this machine may read it; chmod 600 it")
    found = [(place, line.split()) for place, line in enumerate(lines, 1)]
    found = [(place, words) for place, words in found if words and not words[0].startswith("#")]
    if not found:
        raise SettingsError(f"{TOKENS_FILE}={path}: holds no token")
    for place, words in found:
        yield f"{TOKENS_FILE}={path}, line {place}", words


def _holder(words: list[str], where: str) -> Holder:
    if len(words) != len(("name", "role", "secret")):
        raise SettingsError(f"{where}: must be a name, a role and a secret")
    name, role, secret = words
    # Whatever is wrong here may be a secret in the wrong place: no word is shown, only where it stands.
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{where}: the name must be 1 to 64 letters, digits, dots, dashes or underscores")
    if role not in list(Role):
        raise SettingsError(f"{where}: the role is unknown; there are {', '.join(Role)}")
    if secret.startswith(HASHED):
        digest = secret.removeprefix(HASHED).lower()
        if not _DIGEST.fullmatch(digest):
            raise SettingsError(f"{where}: a digest must be 64 hexadecimal digits after {HASHED}")
        return Holder(name, Role(role), bytes.fromhex(digest))
    if len(secret) < SHORTEST or not _SECRET.fullmatch(secret):
        raise SettingsError(
            f"{where}: the secret must be at least {SHORTEST} characters, ASCII without spaces"
        )
    return Holder(name, Role(role), sha256(secret.encode()).digest())
