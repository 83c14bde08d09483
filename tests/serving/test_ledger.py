from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from core.names import Stream
from serving.ledger import Book, Ledger


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50))))
def test_no_offset_is_counted_twice(seen: list[tuple[int, int]]) -> None:
    book, counted = Book(), set()
    for partition, offset in seen:
        if offset >= book.offsets.get(partition, 0):
            counted.add((partition, offset))
        book.count(partition, offset, "why")
    assert book.rows == len(counted) == book.reasons.get("why", 0)


def test_a_ledger_survives_its_storage() -> None:
    ledger = Ledger()
    ledger.books[Stream.DLQ].begin("id", {0: (0, 5)})
    ledger.books[Stream.DLQ].count(0, 4, "late")
    again = msgspec.json.decode(msgspec.json.encode(ledger), type=Ledger)
    assert again == ledger
    assert not again.books[Stream.DLQ].complete


def stored() -> Book:
    return Book(topic_id="id", offsets={0: 10, 1: 20}, rows=25, reasons={"late": 25})


def test_counting_goes_on_where_the_log_still_holds_the_offsets() -> None:
    book = stored()
    book.begin("id", {0: (0, 10), 1: (20, 30), 2: (0, 4)})
    assert (book.rows, book.offsets) == (25, {0: 10, 1: 20, 2: 0})


def test_counting_starts_over_where_it_does_not() -> None:
    for bounds in ({0: (0, 9), 1: (0, 30)}, {0: (11, 30), 1: (0, 30)}, {0: (0, 30)}):
        book = stored()
        book.begin("id", bounds)
        assert (book.rows, book.reasons) == (0, {})
        assert book.offsets == {p: first for p, (first, _) in bounds.items()}
    book = stored()
    book.begin("a topic made anew", {0: (0, 100), 1: (0, 100)})
    assert book.rows == 0


def test_complete_means_read_to_the_end_everywhere() -> None:
    book = Book()
    assert not book.complete
    book.begin("id", {0: (0, 1), 1: (0, 1)})
    book.drained.add(0)
    assert not book.complete
    book.drained.add(1)
    assert book.complete
