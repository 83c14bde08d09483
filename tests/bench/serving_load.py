"""A load generator over HTTP: as little cost of its own as blocking sockets allow.

    open loop:   due times -> threads -> (sleep until due, send, receive) -> answer's time - due time
    closed loop: each client sends its next request when it has its answer -> answers / time

An open loop counts from the time at which a request was due, so that one that had to wait for the answer
before it is counted with its wait: no coordinated omission (G. Tene, "How not to measure latency", 2013).
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

CONNECTIONS = 16
"""Of an open loop: each is free for 80 ms between two requests at 200 requests/s."""

TIMEOUT_S = 30.0
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Timed(NamedTuple):
    """One answered request."""

    kind: int
    """Position in the list of requests."""
    ms: float
    """From when it was due until its answer was there."""
    late_ms: float
    """How much of that passed before it was sent."""
    status: int


def request(method: str, path: str, port: int, body: bytes = b"") -> bytes:
    """A request as bytes, for a connection that stays open."""
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
    if body:
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class Connection:
    """A connection that stays open, for one request at a time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, sent: bytes) -> tuple[int, bytes]:
        """Status and body of the answer; raises OSError, ValueError."""
        self._socket.sendall(sent)
        got = self._socket.recv(65536)
        while _END not in got:
            got += self._more()
        head, _, body = got.partition(_END)
        at = head.lower().index(_LENGTH) + len(_LENGTH)
        length = int(head[at:].partition(b"\r")[0])
        while len(body) < length:
            body += self._more()
        return int(head[9:12]), body

    def _more(self) -> bytes:
        got = self._socket.recv(65536)
        if not got:
            raise ConnectionError("the API closed the connection")
        return got

    def close(self) -> None:
        """Ends it."""
        self._socket.close()


def open_loop(port: int, requests: Sequence[bytes], rate: float, seconds: float) -> list[Timed]:
    """Requests at a fixed rate (per second), in turn from the list, whatever the answers do."""
    count, begin = int(rate * seconds), time.monotonic() + 0.5
    found: list[Timed] = []

    def client(first: int) -> None:
        connection = Connection(port)
        for n in range(first, count, CONNECTIONS):
            due, kind = begin + n / rate, n % len(requests)
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            sent = time.monotonic()
            status, _ = connection.ask(requests[kind])
            found.append(Timed(kind, 1000 * (time.monotonic() - due), 1000 * (sent - due), status))
        connection.close()

    _together(CONNECTIONS, client)
    return found


def closed_loop(port: int, requests: Sequence[bytes], clients: int, seconds: float) -> float:
    """Answers with status 200 per second of so many clients, each of which asks as soon as it can."""
    end, answered = time.monotonic() + seconds, [0] * clients

    def client(number: int) -> None:
        connection, n = Connection(port), number
        while time.monotonic() < end:
            status, _ = connection.ask(requests[n % len(requests)])
            answered[number] += status == 200
            n += 1
        connection.close()

    _together(clients, client)
    return sum(answered) / seconds


def spread(ms: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99."""
    return {
        f"p{one}": round(float(value), 2)
        for one, value in zip((50, 95, 99), np.percentile(ms, (50, 95, 99)), strict=True)
    }


def _together(count: int, client: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=client, args=(n,), name=f"client {n}") for n in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
