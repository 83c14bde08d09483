"""Batch models as signed bytes: nothing is decoded before the signature was checked.

    b"MILLRACEB1" | HMAC-SHA256 | BatchModel.to_bytes

The signature covers all that follows it. Who can write to the store of models must not run code here.
"""

from __future__ import annotations

import hashlib
import hmac

from models.base import BadModel
from models.registered.model import BatchModel

MAGIC = b"MILLRACEB1"
_SIGNATURE = hashlib.sha256().digest_size


def seal(model: BatchModel, key: bytes) -> bytes:
    """The model as one signed value."""
    body = model.to_bytes()
    return MAGIC + _sign(body, key) + body


def unseal(blob: bytes, key: bytes) -> BatchModel:
    """The model that `seal` was given with the same key; raises BadModel."""
    if not blob.startswith(MAGIC) or len(blob) < len(MAGIC) + _SIGNATURE:
        raise BadModel(f"these {len(blob)} bytes are not a sealed batch model")
    signature, body = blob[len(MAGIC) : len(MAGIC) + _SIGNATURE], blob[len(MAGIC) + _SIGNATURE :]
    if not hmac.compare_digest(signature, _sign(body, key)):
        raise BadModel("the signature of the batch model does not match: changed, or signed with another key")
    return BatchModel.from_bytes(body)


def _sign(body: bytes, key: bytes) -> bytes:
    return hmac.new(key, MAGIC + body, hashlib.sha256).digest()
