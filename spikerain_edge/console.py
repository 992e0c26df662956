"""Shared by the commands of both programs: options, error messages, progress and output."""

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

Debug = Annotated[
    bool, typer.Option("--debug", help="Show tracebacks of errors and messages of libraries.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show more messages.")]
Logs = Annotated[
    LogFormat, typer.Option("--log-format", help="Show messages as text or as lines of JSON.")
]

_log = logging.getLogger(__name__)
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_FREE_MEMORY = "close other programs, or use smaller images or a smaller model"


@contextmanager
def command_scope(
    *,
    debug: bool = False,
    verbose: bool = False,
    log_format: LogFormat = LogFormat.TEXT,
    program: str = "spikerain-edge",
    processes: bool = False,
) -> Iterator[Console]:
    """Runs the body of a command, shows its messages, and reports errors in one line.

    A `SpikeRainError`, an error of the operating system (disk full, no permission) and a lack of
    memory are logged in one line, and the program exits with the code of the error. Every other
    exception is a bug and ends the program with a traceback.

    Args:
        debug: show all messages, the traceback of every error, and the output that libraries write
            directly to standard error (hidden otherwise).
        verbose: show messages of level DEBUG.
        log_format: format of messages.
        program: name of the program.
        processes: whether the command starts processes that write to standard error. Output of
            libraries other than OpenCV is then not hidden.

    Yields:
        A console on standard error for tables and progress. It is silent if messages are JSON.
    """
    # Not at the top of the module: `--help` does not need rich.
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
            _discard_stdout()
            # The reader of a pipe may stop early, which is not an error.
            if not isinstance(error, BrokenPipeError):
                _log_error(_system_error(error), debug)
            raise typer.Exit(StreamError.exit_code) from None
        except MemoryError:
            _log_error(ComputeError("out of memory", _FREE_MEMORY), debug)
            raise typer.Exit(ComputeError.exit_code) from None
        except KeyboardInterrupt:
            raise typer.Exit(128 + signal.SIGINT) from None


@contextmanager
def help_scope(program: str) -> Iterator[None]:
    """Reports in one line that the text of `--help` cannot be written, for example to a full disk.

    Args:
        program: name of the program.
    """
    try:
        yield
    except OSError as error:
        _discard_stdout()
        print(f"{program}: {_system_error(error)}", file=sys.stderr)
        sys.exit(StreamError.exit_code)


def version_shower(program: str) -> Callable[[bool], None]:
    """Returns the callback of the option `--version`.

    Args:
        program: name of the program; the version is that of the package.
    """

    def show(wanted: bool) -> None:
        if wanted:
            from importlib.metadata import version

            typer.echo(f"{program} {version('spikerain-edge')}")
            raise typer.Exit

    return show


def print_line(text: str) -> None:
    """Prints a line to standard output, where another program may read it.

    Raises:
        OSError: standard output cannot be written, for example because its reader has ended.
        StreamError: standard output is closed.
    """
    if sys.stdout is None:
        raise StreamError("standard output is closed", "name a file instead of -")
    # Names of files may hold bytes that are no text.
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def write_json(document: Mapping[str, Any], target: str) -> None:
    """Writes a document as JSON.

    Args:
        document: the document.
        target: path of the file, or `-` for standard output.

    Raises:
        OSError: the file or standard output cannot be written.
        StreamError: standard output is closed.
    """
    text = json.dumps(document, indent=2, allow_nan=False)
    if target == "-":
        print_line(text)
    else:
        write_whole(Path(target), f"{text}\n".encode())


@contextmanager
def live_status(console: Console, text: str) -> Iterator[Status]:
    """Shows the latest message of any level on a status line within the context.

    Args:
        console: the console that `command_scope` yields.
        text: the first text of the line.
    """
    from rich.markup import escape

    status = console.status(text)
    with status, attached(StatusHandler(lambda message: status.update(escape(message)))):
        yield status


def counting_bar(console: Console) -> Progress:
    """Creates a progress bar that counts; it disappears at the end and is hidden in log files.

    Args:
        console: the console that `command_scope` yields.
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
    """Converts an OSError; an error without a file name comes from standard output."""
    remedy = (
        "free some disk space: see df -h"
        if error.errno in _DISK_FULL
        else "check the path and its permissions"
    )
    if error.filename is None:
        return StreamError(f"cannot write the output: {error.strerror or error}", remedy)
    return StreamError(f"cannot use {error.filename}: {error.strerror}", remedy)


def _discard_stdout() -> None:
    """Discards buffered standard output, which Python would otherwise fail to write at exit."""
    if sys.stdout is not None and _writes_to(sys.stdout, 1):
        with Path(os.devnull).open("w") as devnull:
            os.dup2(devnull.fileno(), 1)


@contextmanager
def _silent_libraries() -> Iterator[None]:
    """Hides messages that OpenCV, FFmpeg and libpng write directly to file descriptor 2.

    The descriptor points to `/dev/null` within the context; `sys.stderr` still shows messages.
    """
    stderr = sys.stderr
    if stderr is None:
        yield
        return
    stderr.flush()
    with (
        os.fdopen(os.dup(2), "w", 1, stderr.encoding, "backslashreplace") as copy,
        Path(os.devnull).open("w") as devnull,
    ):
        os.dup2(devnull.fileno(), 2)
        if _writes_to(stderr, 2):
            sys.stderr = copy
        try:
            yield
        finally:
            sys.stderr = stderr
            copy.flush()
            os.dup2(copy.fileno(), 2)


@contextmanager
def _silent_opencv() -> Iterator[None]:
    """Hides the log messages of OpenCV within the context."""
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
