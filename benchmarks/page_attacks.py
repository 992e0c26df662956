"""Viewers and attackers of the live page, for `live_page.py`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_GET = "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n"
Attack = Callable[[int, threading.Event], None]


def connect(port: int, request: str = "") -> socket.socket:
    """Opens a connection and sends what a request begins with."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.sendall(request.encode())
    return connection


def read_all(connection: socket.socket, ended: threading.Event, pause: float, amount: int) -> None:
    """Reads from a connection until it is closed, `amount` bytes at a time."""
    with suppress(OSError):
        while not ended.is_set() and connection.recv(amount):
            ended.wait(pause)


def watch(viewers: int, *, pause: float = 0.0, amount: int = 1 << 16) -> Attack:
    """Viewers of both views who read so much at a time."""

    def attack(port: int, ended: threading.Event) -> None:
        opened = [connect(port, _GET.format("/stream.mjpg?view=both")) for _ in range(viewers)]
        readers = [
            threading.Thread(target=read_all, args=(one, ended, pause, amount)) for one in opened
        ]
        for reader in readers:
            reader.start()
        ended.wait()
        for one in opened:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for reader in readers:
            reader.join()

    return attack


def connections(port: int, ended: threading.Event) -> None:
    """Five hundred connections that say nothing, again and again."""
    while not ended.is_set():
        opened = []
        for _ in range(500):
            # Not waited for: the system's queue is full most of the time.
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            opened.append(one)
        ended.wait(1)
        for one in opened:
            one.close()


def flood(port: int, ended: threading.Event) -> None:
    """Requests as fast as they are answered."""
    request = _GET.format("/api/status").encode()
    while not ended.is_set():
        with suppress(OSError), connect(port) as connection:
            while not ended.is_set():
                connection.sendall(request)
                if not connection.recv(1 << 16):
                    break


def heads(port: int, ended: threading.Event) -> None:
    """Requests with an endless head."""
    while not ended.is_set():
        with suppress(OSError), connect(port, "GET / HTTP/1.1\r\nHost: localhost\r\n") as one:
            while not ended.is_set():
                one.sendall(b"X-Padding: " + b"y" * 4000 + b"\r\n")


# The first one shows how much the rates of this machine vary by themselves.
ATTACKS: dict[str, Attack] = {
    "nobody": watch(0),
    "one viewer": watch(1),
    "eight viewers": watch(8),
    "a byte a second, eight times": watch(8, pause=1.0, amount=1),
    "500 connections": connections,
    "flood of requests": flood,
    "endless heads": heads,
}


@contextmanager
def attacked(attack: Attack, port: int) -> Iterator[None]:
    """Within it the page is attacked."""
    ended = threading.Event()
    thread = threading.Thread(target=attack, args=(port, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
