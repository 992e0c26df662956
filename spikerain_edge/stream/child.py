"""A program that takes what is written to its standard input; it is always reaped."""

from __future__ import annotations

import atexit
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from spikerain_edge.errors import StreamError

# Seconds that a child has to complete its output, and then to end.
_PATIENCE = 1.0
_LAST = 0.2
# Lines of a child's messages that are kept, and bytes of a line: it may complain for months.
_KEPT = 20
_LONGEST = 1000


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
        self._said: deque[bytes] = deque(maxlen=_KEPT)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what to run is the user's choice
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                # Ctrl-C in a terminal reaches every program there; a child ends when it is told.
                start_new_session=True,
            )
        except OSError as error:
            raise StreamError(
                f"cannot run {command[0]}: {error.strerror}", "install it, or choose another output"
            ) from error
        # The thread that writes to it may still be blocked when the program ends.
        atexit.register(self._kill)
        self._listening = threading.Thread(target=self._listen, name="child", daemon=True)
        self._listening.start()

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
        if not self._ended(_PATIENCE):
            self._kill()
        self._listening.join(_LAST)
        atexit.unregister(self._kill)

    def _kill(self) -> None:
        """Ends the child by signals alone: its input may be locked by a thread that is blocked."""
        self._process.terminate()
        if not self._ended(_LAST):
            self._process.kill()
        self._process.wait()

    def _ended(self, seconds: float) -> bool:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def _reason(self) -> str:
        """The last line that the child has written to its standard error."""
        self._ended(_LAST)
        if self._process.returncode == -signal.SIGALRM:
            return "no answer within 10 seconds"
        self._listening.join(_LAST)
        lines = [line.decode(errors="replace").strip() for line in reversed(list(self._said))]
        return next(filter(None, lines), "it has ended")

    def _listen(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it has been asked for
        with self._process.stderr as said:
            while line := said.readline(_LONGEST):
                self._said.append(line)
