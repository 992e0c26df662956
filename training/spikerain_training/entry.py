"""Entry point of `spikerain-train`, which must answer even where torch is not installed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_INTERRUPTED = 130


def main() -> None:
    """Runs the command, or says which extra it needs."""
    try:
        with _quiet_interrupts():
            from spikerain_training.cli import app
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("spikerain"):
            raise
        print(
            f"spikerain-train: training needs the package {error.name}; "
            "install it: pip install 'spikerain-edge[train]'",
            file=sys.stderr,
        )
        sys.exit(2)
    app()


@contextmanager
def _quiet_interrupts() -> Iterator[None]:
    """Ends the process at Ctrl-C, without a traceback through whatever is being imported."""

    def leave(number: int, frame: FrameType | None) -> None:
        os._exit(_INTERRUPTED)

    before = signal.getsignal(signal.SIGINT)
    # Where the one who started the process has it ignore Ctrl-C, it goes on doing so.
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
