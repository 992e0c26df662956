"""What the commands of both programs share: options, errors in one line, sizes, output."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console

from spikerain_edge.errors import ComputeError, SpikeRainError, StreamError
from spikerain_edge.logs import LogFormat, log_to_stderr

Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and library messages.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show what is being done.")]
Logs = Annotated[
    LogFormat, typer.Option("--log-format", help="Messages as text, or as lines of JSON.")
]

_log = logging.getLogger(__name__)
_SMALLER = "close other programs, or use smaller images or a smaller model"


@contextmanager
def command_scope(
    *,
    debug: bool = False,
    verbose: bool = False,
    log_format: LogFormat = LogFormat.TEXT,
    program: str = "spikerain-edge",
    silence: bool = True,
) -> Iterator[Console]:
    """Runs the body of a command: shows its messages, and its errors in one line.

    An error of the family `SpikeRainError`, an error of the system (disk full, no permission) and
    a lack of memory are logged in one line, and the program exits with their code. Every other
    exception is a bug and leaves with its traceback.

    Args:
        debug: show the traceback of every error, every message, and what libraries print.
        verbose: show messages of level DEBUG.
        log_format: text or lines of JSON.
        program: name of the program.
        silence: discard what libraries print past Python. Child processes inherit this.

    Yields:
        Console on standard error for tables and progress; it prints nothing beside JSON.
    """
    with (
        nullcontext() if debug or not silence else _silent_libraries(),
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
        raise StreamError("standard output is closed")
    print(text, flush=True)


def _log_error(error: SpikeRainError, debug: bool) -> None:
    fields = {"cause": error.cause, "remedy": error.remedy, "exit_code": error.exit_code}
    _log.error("%s", error, exc_info=debug, extra=fields)


def _system_error(error: OSError) -> StreamError:
    """An error that the system gave; without the name of a file it is standard output's."""
    if error.filename is None:
        return StreamError(f"cannot write: {error.strerror}")
    return StreamError(f"cannot use {error.filename}: {error.strerror}")


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


def _writes_to(stream: TextIO, descriptor: int) -> bool:
    try:
        return stream.fileno() == descriptor
    except OSError:
        return False
