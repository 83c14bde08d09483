"""Signed bytes: what was changed, or signed with another key, is never decoded."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.applications.tfd import TFD
from core.snapshots import MAGIC, BadSnapshot, Header, Payload, schema_hash, seal, unseal

HEADER = Header(
    application="any",
    model="recipe",
    version=3,
    schema=schema_hash(TFD),
    created=datetime(2026, 1, 1, tzinfo=UTC),
    asked_offsets={0: 10, 2: 5},
    taught_offsets={0: 8, 2: 5},
    asked=15,
    taught=13,
    clock=datetime(2026, 1, 1, 12, tzinfo=UTC),
    scores={"roc_auc": 0.9, "f2": None},
)
PAYLOAD = Payload(models={"one": b"weights"}, loop=b"state")
BLOB = seal(HEADER, PAYLOAD, b"key")


def test_what_was_sealed_comes_back() -> None:
    assert unseal(BLOB, b"key") == (HEADER, PAYLOAD)


def test_another_key_is_refused() -> None:
    with pytest.raises(BadSnapshot, match="signature"):
        unseal(BLOB, b"other")


@given(at=st.integers(0, len(BLOB) - 1), bit=st.integers(0, 7))
def test_any_changed_bit_is_refused(at: int, bit: int) -> None:
    changed = bytearray(BLOB)
    changed[at] ^= 1 << bit
    with pytest.raises(BadSnapshot):
        unseal(bytes(changed), b"key")


@given(length=st.integers(0, len(BLOB) - 1))
def test_a_cut_value_is_refused(length: int) -> None:
    with pytest.raises(BadSnapshot):
        unseal(BLOB[:length], b"key")


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    for value in (data, MAGIC + data):
        with pytest.raises(BadSnapshot):
            unseal(value, b"key")
