"""A program that is started, fed through its standard input, and always reaped."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from spikerain_edge.errors import StreamError

# Seconds that a child has to end by itself, and after a signal.
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
        passed: open files that it inherits.
        heard: called with each line that it writes to its standard error; returns what to remember
            as its latest complaint, or None.

    Raises:
        StreamError: it cannot be run.
    """

    def __init__(
        self,
        command: Sequence[str],
        label: str,
        *,
        passed: Sequence[int] = (),
        heard: Callable[[str], str | None] = lambda line: line,
    ) -> None:
        self._label = label
        self._heard = heard
        self._said: deque[str] = deque(maxlen=_KEPT)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what to run is the user's choice
                command,
                # Without a buffer: closing it must not wait for a child that does not read.
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=passed,
                # Ctrl-C in a terminal reaches every program there; a child ends when it is told.
                start_new_session=True,
            )
        except OSError as error:
            raise StreamError(
                f"cannot run {command[0]}: {error.strerror}", "install it, or choose another output"
            ) from error
        # The thread that writes to it may still be blocked when the program ends.
        atexit.register(self.stop)
        self._listening = threading.Thread(target=self._listen, name="child", daemon=True)
        self._listening.start()

    def write(self, content: bytes) -> int:
        """Hands over some bytes; waits until the child takes them.

        Raises:
            StreamError: the child has ended.
        """
        assert self._process.stdin is not None  # noqa: S101 - it has been asked for
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[os.write(self._process.stdin.fileno(), rest) :]
        except OSError as error:
            raise StreamError(
                f"{self._label} takes no frames: {self.reason()}", "check what receives them"
            ) from error
        return len(content)

    def wait(self, seconds: float) -> int | None:
        """Its exit code once it has ended; None if it does not end in time."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode

    def close(self) -> None:
        """Ends the input and the child, which is killed if it does not end by itself."""
        self._end_input()
        self.wait(_PATIENCE)
        self.stop()

    def finish(self, seconds: float) -> None:
        """Ends the input and waits until the child has done its work.

        Args:
            seconds: how long it is waited for.

        Raises:
            StreamError: it has failed, or has not ended in time.
        """
        self._end_input()
        code = self.wait(seconds)
        reason = f"no end within {seconds:g} seconds" if code is None else self.reason()
        self.stop()
        if code != 0:
            raise StreamError(
                f"{self._label} has not taken all frames: {reason}", "check what receives them"
            )

    def stop(self) -> None:
        """Ends the child by signals alone: another thread may be blocked in its input."""
        if self._process.poll() is None:
            self._process.terminate()
            if self.wait(_LAST) is None:
                self._process.kill()
            self._process.wait()
        self._listening.join(_LAST)
        atexit.unregister(self.stop)

    def reason(self) -> str:
        """Why it has ended: the last line that it has written to its standard error."""
        code = self.wait(_LAST)
        if code == -signal.SIGALRM:
            return "no answer within 10 seconds"
        self._listening.join(_LAST)
        said = self._said[-1] if self._said else None
        if said is None and code is not None and code < 0:
            return f"it was ended by the signal {signal.Signals(-code).name}"
        return said or "it has ended"

    def _end_input(self) -> None:
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def _listen(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it has been asked for
        with os.fdopen(os.dup(self._process.stderr.fileno()), "rb") as said:
            self._process.stderr.close()
            while line := said.readline(_LONGEST):
                complaint = self._heard(line.decode(errors="replace").strip())
                if complaint:
                    self._said.append(complaint)
