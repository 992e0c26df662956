"""What the commands of both programs share: options, errors in one line, sizes, output."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from spikerain_edge.errors import ComputeError, SpikeRainError, StreamError
from spikerain_edge.files import write_whole
from spikerain_edge.logs import LogFormat, StatusHandler, attached, log_to_stderr

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.status import Status

Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and library messages.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show what is being done.")]
Logs = Annotated[
    LogFormat, typer.Option("--log-format", help="Messages as text, or as lines of JSON.")
]

_log = logging.getLogger(__name__)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_SMALLER = "close other programs, or use smaller images or a smaller model"


@contextmanager
def command_scope(
    *,
    debug: bool = False,
    verbose: bool = False,
    log_format: LogFormat = LogFormat.TEXT,
    program: str = "spikerain-edge",
    processes: bool = False,
) -> Iterator[Console]:
    """Runs the body of a command: shows its messages, and its errors in one line.

    An error of the family `SpikeRainError`, an error of the system (disk full, no permission) and
    a lack of memory are logged in one line, and the program exits with their code. Every other
    exception is a bug and leaves with its traceback.

    Args:
        debug: show the traceback of every error, every message, and what libraries print past
            Python, which is discarded otherwise.
        verbose: show messages of level DEBUG.
        log_format: text or lines of JSON.
        program: name of the program.
        processes: the command starts others that write to standard error themselves. What
            libraries print past Python is then shown, but for OpenCV's.

    Yields:
        Console on standard error for tables and progress; it prints nothing beside JSON.
    """
    # What draws on terminals is not loaded for `--help`.
    from rich.console import Console

    with (
        nullcontext() if debug else _silent_opencv() if processes else _silent_libraries(),
        log_to_stderr(program, log_format, verbose=verbose or debug),
    ):
        try:
            yield Console(stderr=True, quiet=log_format is LogFormat.JSON)
            if sys.stdout is not None:
                sys.stdout.flush()
        except SpikeRainError as error:
            _log_error(error, debug)
            raise typer.Exit(error.exit_code) from None
        except OSError as error:
            _give_up_stdout()
            # Whoever reads a pipe may stop when it has seen enough.
            if not isinstance(error, BrokenPipeError):
                _log_error(_system_error(error), debug)
            raise typer.Exit(StreamError.exit_code) from None
        except MemoryError:
            _log_error(ComputeError("out of memory", _SMALLER), debug)
            raise typer.Exit(ComputeError.exit_code) from None
        except KeyboardInterrupt:
            raise typer.Exit(128 + signal.SIGINT) from None


def version_shower(program: str) -> Callable[[bool], None]:
    """What `--version` of a program does.

    Args:
        program: its name; the version is the package's.
    """

    def show(wanted: bool) -> None:
        if wanted:
            from importlib.metadata import version

            typer.echo(f"{program} {version('spikerain-edge')}")
            raise typer.Exit

    return show


def print_line(text: str) -> None:
    """Prints for another program to read.

    Raises:
        OSError: nobody takes it.
        StreamError: standard output is closed.
    """
    if sys.stdout is None:
        raise StreamError("standard output is closed", "open it, or name a file instead of -")
    print(text, flush=True)


def write_json(document: Mapping[str, Any], target: str) -> None:
    """Writes a document to the file `target`, whole, or to standard output for `-`.

    Raises:
        OSError: the file cannot be written, or nobody takes the output.
        StreamError: standard output is closed.
    """
    text = json.dumps(document, indent=2, allow_nan=False)
    if target == "-":
        print_line(text)
    else:
        write_whole(Path(target), f"{text}\n".encode())


@contextmanager
def live_status(console: Console, text: str) -> Iterator[Status]:
    """A line on a terminal with the latest message of any level; it is gone when done.

    Args:
        console: what `command_scope` yields.
        text: what it shows first.
    """
    from rich.markup import escape

    status = console.status(text)
    with status, attached(StatusHandler(lambda message: status.update(escape(message)))):
        yield status


def counting_bar(console: Console) -> Progress:
    """A progress bar that counts; it is gone when done and never in a log file.

    Args:
        console: what `command_scope` yields.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=console.quiet or not console.is_terminal,
    )


def _log_error(error: SpikeRainError, debug: bool) -> None:
    fields = {"cause": error.cause, "remedy": error.remedy, "exit_code": error.exit_code}
    _log.error("%s", error, exc_info=debug, extra=fields)


def _system_error(error: OSError) -> StreamError:
    """An error that the system gave; without the name of a file it is standard output's."""
    remedy = "make room there" if error.errno in _FULL else "check the path and its permissions"
    if error.filename is None:
        return StreamError(f"cannot write: {error.strerror or error}", remedy)
    return StreamError(f"cannot use {error.filename}: {error.strerror}", remedy)


def _give_up_stdout() -> None:
    """Lets what standard output still holds go nowhere, or Python would fail on it at its end."""
    if sys.stdout is not None and _writes_to(sys.stdout, 1):
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 1)


@contextmanager
def _silent_libraries() -> Iterator[None]:
    """OpenCV, FFmpeg and libpng print lines of their own about what we report in one.

    They write to file descriptor 2, which leads nowhere meanwhile; `sys.stderr` keeps its place.
    """
    shown = sys.stderr
    if shown is None:
        yield
        return
    shown.flush()
    with (
        os.fdopen(os.dup(2), "w", 1, shown.encoding, "backslashreplace") as kept,
        Path(os.devnull).open("w") as nowhere,
    ):
        os.dup2(nowhere.fileno(), 2)
        if _writes_to(shown, 2):
            sys.stderr = kept
        try:
            yield
        finally:
            sys.stderr = shown
            kept.flush()
            os.dup2(kept.fileno(), 2)


@contextmanager
def _silent_opencv() -> Iterator[None]:
    import cv2

    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _writes_to(stream: TextIO, descriptor: int) -> bool:
    try:
        return stream.fileno() == descriptor
    except OSError:
        return False
