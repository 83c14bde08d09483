"""Signed model bytes: one value that holds header and payload, checked before anything is decoded.

    b"MILLRACE1" | HMAC-SHA256 | header length (4 bytes, big endian) | header (JSON) | payload (msgpack)

The signature covers all that follows it. Who can write a Redis key must not be able to run code here.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from datetime import datetime

import msgspec

from core.declaration import Application, leaves

MAGIC = b"MILLRACE1"
_SIGNATURE = hashlib.sha256().digest_size
_LENGTH = struct.Struct(">I")
_HEADER_AT = len(MAGIC) + _SIGNATURE + _LENGTH.size


class BadSnapshot(ValueError):
    """The bytes are not a snapshot, or were not signed with this key."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot says of itself."""

    application: str
    model: str
    """The champion, by its recipe's name."""
    version: int
    """Counts the snapshots of an application, without gaps over restarts."""
    schema: str
    """Hash of the declaration's fields: a model is not fed events of another shape."""
    created: datetime
    asked_offsets: dict[int, int]
    """Partition of the valid topic -> next offset to ask about."""
    taught_offsets: dict[int, int]
    """Partition -> the oldest offset whose label is still awaited (or the asked one when none is)."""
    asked: int
    taught: int
    clock: datetime | None
    """Event time reached: every label due up to it has been taught."""
    run_id: str = ""
    scores: dict[str, float | None] = {}
    """The scores of this very model, from answers given before teaching."""
    threshold: float | None = None
    reset: str = ""
    """The id of the last reset that the learner answered, obeyed or refused."""


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """The models for those who ask them, and the loop's state for the learner that resumes."""

    models: dict[str, bytes]
    """By recipe's name; the champion, whom the header names, is one of them."""
    loop: bytes


def seal(header: Header, payload: Payload, key: bytes) -> bytes:
    """Header and payload as one signed value."""
    head = msgspec.json.encode(header)
    body = _LENGTH.pack(len(head)) + head + msgspec.msgpack.encode(payload)
    return MAGIC + _sign(body, key) + body


def unseal(blob: bytes, key: bytes) -> tuple[Header, Payload]:
    """Header and payload of a value that `seal` made with the same key; raises BadSnapshot."""
    if not blob.startswith(MAGIC) or len(blob) < _HEADER_AT:
        raise BadSnapshot("these bytes are not a snapshot")
    signature, body = blob[len(MAGIC) : len(MAGIC) + _SIGNATURE], blob[len(MAGIC) + _SIGNATURE :]
    if not hmac.compare_digest(signature, _sign(body, key)):
        raise BadSnapshot("the signature does not match: changed, or signed with another key")
    (length,) = _LENGTH.unpack_from(body)
    head, payload = body[_LENGTH.size : _LENGTH.size + length], body[_LENGTH.size + length :]
    return msgspec.json.decode(head, type=Header), msgspec.msgpack.decode(payload, type=Payload)


def _sign(body: bytes, key: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).digest()


def schema_hash(application: Application) -> str:
    """A short hash of what the fields of an application are called and which kind they have."""
    shape = [(path, type(leaf).__name__) for path, leaf in leaves(application)]
    return hashlib.sha256(repr(shape).encode()).hexdigest()[:16]
