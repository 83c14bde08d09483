"""What the settings say about access, checked once at the start."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

from core.settings import Settings, SettingsError
from serving.access import tokens
from serving.access.tokens import Tokens

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_ORIGIN = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Access:
    """Tokens, the names under which the API is asked for, and the pages that may ask."""

    tokens: Tokens
    hosts: frozenset[str]
    """Beyond this machine's own names; lower case, without port."""
    origins: tuple[str, ...]


def access(settings: Settings) -> Access:
    """Reads and checks; raises SettingsError that names the setting."""
    serving = settings.serving
    found = tokens.read(settings)
    if not is_loopback(serving.host) and not found:
        raise SettingsError(
            f"MILLRACE_SERVING__HOST={serving.host}: without tokens the API listens on this machine only: "
            f"127.0.0.1, ::1 or localhost. To listen beyond it, set {tokens.TOKENS_FILE} or {tokens.TOKENS}"
        )
    hosts = _listed(
        "MILLRACE_SERVING__ALLOWED_HOSTS", serving.allowed_hosts, _HOST, "a host name without port"
    )
    origins = _listed(
        "MILLRACE_SERVING__CORS_ORIGINS", serving.cors_origins, _ORIGIN, "an origin like https://example.org"
    )
    own = () if is_wildcard(serving.host) else (_bracketed(serving.host),)
    return Access(found, frozenset((*hosts, *own)), origins)


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine and no other."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_wildcard(host: str) -> bool:
    """Whether an address means every address of this machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return (f"[{host}]" if ":" in host else host).lower()


def _listed(setting: str, text: str, allowed: re.Pattern[str], meaning: str) -> tuple[str, ...]:
    found = tuple(one for part in text.lower().split(",") if (one := part.strip()))
    for one in found:
        if not allowed.fullmatch(one):
            raise SettingsError(f"{setting}={text}: {one!r} is not {meaning}; there is no wildcard")
    return found
