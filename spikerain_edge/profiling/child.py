"""Calls functions in a fresh Python process.

Its memory is its own, and if the system ends it for want of memory the caller goes on.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from spikerain_edge.errors import SpikeRainError
from spikerain_edge.logs import attached
from spikerain_edge.system import program_of

_LOGGED = "logged"
_NO_MEMORY = "does not fit: not enough memory"

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class DoesNotFitError(SpikeRainError):
    """The machine cannot run this size: memory ran out."""

    def __init__(self, cause: str, remedy: str = "use smaller images or a smaller model") -> None:
        super().__init__(cause, remedy)


class Child:
    """A context in which functions run in another process.

    Functions, arguments and results travel by pickle, so functions are those of a module.
    """

    def __enter__(self) -> Child:
        here, there = Pipe()
        with there:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, this module
                [sys.executable, "-c", program_of(__name__), str(there.fileno())],
                pass_fds=[there.fileno()],
                stdin=subprocess.PIPE,  # closes when this process ends, however it ends
                start_new_session=True,  # Ctrl-C is for the parent, which then ends this one
            )
        self._connection = here
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def call(
        self,
        function: Callable[_Arguments, _Result],
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> _Result:
        """Calls a function in the child process.

        Raises:
            DoesNotFitError: the process was killed, or memory ran out.
            SpikeRainError: what the function raised.
            RuntimeError: any other exception of the function, with its traceback.
        """
        try:
            self._connection.send((function, args, kwargs))
            outcome, value = self._answer()
        except (EOFError, ConnectionError):
            raise DoesNotFitError(_last_words(self._process.wait())) from None
        except MemoryError:
            raise DoesNotFitError(_NO_MEMORY) from None
        if outcome == "failed":
            raise value
        result: _Result = value
        return result

    def _answer(self) -> tuple[str, Any]:
        """Returns the outcome of a call; passes log messages of the child to this process."""
        while True:
            outcome, value = self._connection.recv()
            if outcome != _LOGGED:
                return outcome, value
            logger = logging.getLogger(value.name)
            if logger.isEnabledFor(value.levelno):
                logger.handle(value)


class _Sender(logging.Handler):
    """Sends what is logged to the parent, which decides what of it is shown."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        # Of arguments and of a traceback only the text travels.
        text = {"msg": self.format(record), "args": None, "exc_info": None, "exc_text": None}
        self._connection.send((_LOGGED, logging.makeLogRecord({**vars(record), **text})))


def _last_words(status: int) -> str:
    if status == -signal.SIGKILL:
        return "does not fit: the system ended the process, as it does when memory runs out"
    if status < 0:
        return f"does not fit: the process was ended by {signal.Signals(-status).name}"
    return f"the process ended with status {status}"


def main() -> None:
    """Serves calls that arrive on the inherited socket until the parent hangs up."""
    _go_first()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with (
        Connection(int(sys.argv[1])) as connection,
        suppress(EOFError, ConnectionError),
        attached(_Sender(connection)),
    ):
        while True:
            function, args, kwargs = connection.recv()
            connection.send(_attempt(function, args, kwargs))


def _go_first() -> None:
    """Asks the system to end this process before any other if memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _end_with_parent() -> None:
    """Ends this process with its parent, even in the middle of a call."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _attempt(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[str, Any]:
    try:
        return "done", function(*args, **kwargs)
    except SpikeRainError as error:
        return "failed", error
    except MemoryError:
        return "failed", DoesNotFitError(_NO_MEMORY)
    except Exception:  # noqa: BLE001 - the parent raises it
        return "failed", RuntimeError(traceback.format_exc())
