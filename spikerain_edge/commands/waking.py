"""Signals reach the main thread whatever it waits for."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# What interrupts a wait of the main thread; its handler does nothing.
_KNOCK = signal.SIGURG


@contextmanager
def waking_main_thread() -> Iterator[None]:
    """Within it the handlers of signals run at once, though the main thread waits for a lock.

    The system may hand a signal to any thread of the process, and does so on a busy machine. Python
    runs handlers on the main thread only, and a lock that it waits for does not return because of
    a signal that another thread has received. So each signal is followed by one that is for the
    main thread alone.

    It is for the main thread.
    """
    main = threading.get_ident()
    received, told = socket.socketpair()
    told.setblocking(False)

    def knock() -> None:
        while number := received.recv(1):
            if number[0] != _KNOCK:
                signal.pthread_kill(main, _KNOCK)

    before = signal.signal(_KNOCK, lambda number, frame: None)
    written = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=knock, name="waking", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(written)
        told.close()
        thread.join()
        received.close()
        signal.signal(_KNOCK, before)
