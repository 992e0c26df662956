"""Starts programs as a terminal does."""

from __future__ import annotations

import signal


def default_signals() -> None:
    """Restores what signals do, for `preexec_fn`.

    A shell's `&` lets its children ignore Ctrl-C, and `nohup` lets them ignore SIGHUP. The tests
    may have been started by either.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
