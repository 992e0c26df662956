"""A program that takes what is written to its standard input; it is always reaped."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress

from spikerain_edge.errors import StreamError

# Seconds that a child has to complete its output, and then to end.
_PATIENCE = 1.0
_LAST = 0.2


class Child:
    """A running child, as a file that is written to.

    Args:
        command: what to run.
        label: what to call it in messages.

    Raises:
        StreamError: it cannot be run.
    """

    def __init__(self, command: Sequence[str], label: str) -> None:
        self._label = label
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what to run is the user's choice
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._said,
                # Ctrl-C in a terminal reaches every program there; a child ends when it is told.
                start_new_session=True,
            )
        except OSError as error:
            self._said.close()
            raise StreamError(
                f"cannot run {command[0]}: {error.strerror}", "install it, or choose another output"
            ) from error

    def write(self, content: bytes) -> int:
        """Hands over some bytes; waits until the child takes them.

        Raises:
            StreamError: the child has ended.
        """
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101 - it has been asked for
        try:
            pipe.write(content)
            pipe.flush()
        except OSError as error:
            raise StreamError(
                f"{self._label} takes no frames: {self._reason()}", "check what receives them"
            ) from error
        return len(content)

    def close(self) -> None:
        """Ends the input and waits for the child, which is killed if it does not end."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        for last, seconds in ((signal.SIGTERM, _PATIENCE), (signal.SIGKILL, _LAST)):
            if self._ended(seconds):
                break
            self._process.send_signal(last)
        self._process.wait()
        self._said.close()

    def _ended(self, seconds: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def _reason(self) -> str:
        """The last line that the child has written to its standard error."""
        self._ended(_LAST)
        if self._process.returncode == -signal.SIGALRM:
            return "no answer within 10 seconds"
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it has ended")
