"""The end of the process while threads still wait inside libraries."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def abandoning_threads() -> Iterator[None]:
    """Ends the process at once if the program exits while a daemon thread still runs.

    A thread that waits for a camera inside FFmpeg or OpenCV cannot be ended. Python frees its
    memory at exit, and a thread that then comes back from the library crashes the process
    (exit code -11). What has been written to standard output and error is flushed first.

    Raises:
        SystemExit: the program exits and no daemon thread runs.
    """
    try:
        yield
    except SystemExit as end:
        if not any(thread.daemon for thread in threading.enumerate()):
            raise
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            # A reader that is gone has been reported, or does not matter.
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(_status(end.code))


def _status(code: str | int | None) -> int:
    """The exit status of the process for the code of a SystemExit."""
    if code is None:
        return 0
    return code if isinstance(code, int) else 1
