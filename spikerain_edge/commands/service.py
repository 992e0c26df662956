"""Tells systemd how the program is: ready, at work, alive."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

# Seconds between reports.
_INTERVAL = 5.0


class Service:
    """The protocol of `sd_notify(3)`; does nothing where no service manager asks for it.

    Args:
        environment: holds NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        watched = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environment.get("WATCHDOG_USEC", "") if watched else ""
        self._watchdog = int(microseconds) / 1e6 if microseconds.isdigit() else None
        self._status: Callable[[], str] = lambda: "starting"
        self._stuck: Callable[[], float] = lambda: 0.0
        self._ended = threading.Event()

    def ready(self) -> None:
        """The program has started."""
        self._send("READY=1")

    def watch(self, status: Callable[[], str], stuck: Callable[[], float]) -> None:
        """Reports on a run from now on.

        Args:
            status: returns one line about it.
            stuck: returns for how many seconds it has made no step.
        """
        self._status, self._stuck = status, stuck

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Within it reports are sent, and signs of life while the run makes steps."""
        if not self._address:
            yield
            return
        thread = threading.Thread(target=self._report, name="service", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            self._send("STOPPING=1")

    def _report(self) -> None:
        watchdog = self._watchdog
        interval = _INTERVAL if watchdog is None else min(_INTERVAL, watchdog / 3)
        while not self._ended.wait(interval):
            self._send(f"STATUS={self._status()}")
            if watchdog is not None and self._stuck() < watchdog:
                self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        # A name that begins with @ is one without a file.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, suppress(OSError):
            sender.sendto(text.encode(), address)
