"""What all commands share: errors in one line, sizes, and what may be printed."""

from __future__ import annotations

import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, TextIO

import typer

from spikerain_edge.errors import InputError, SpikeRainError, StreamError
from spikerain_edge.inference import MIN_SIDE

MAX_SIDE = 16384
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and library messages.")]


@contextmanager
def one_line_errors(debug: bool) -> Iterator[None]:
    """Prints an error of ours as one line and exits with its code; silences libraries."""
    with nullcontext() if debug else _silent_libraries():
        try:
            yield
            if sys.stdout is not None:
                sys.stdout.flush()
        except SpikeRainError as error:
            _say(error, debug)
            raise typer.Exit(error.exit_code) from None
        except OSError as error:
            _give_up_stdout()
            # Whoever reads a pipe may stop when it has seen enough.
            if not isinstance(error, BrokenPipeError):
                _say(_system_error(error), debug)
            raise typer.Exit(StreamError.exit_code) from None
        except KeyboardInterrupt:
            raise typer.Exit(128 + signal.SIGINT) from None


def parse_size(text: str, *, squares: bool = False) -> tuple[int, int]:
    """Reads `640x480` as (width, height).

    Args:
        text: what was typed.
        squares: let `256` mean `256x256`.

    Raises:
        InputError: it is no size, or too small or large.
    """
    both = f"{text}x{text}" if squares and text.isdecimal() else text
    found = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", both, re.ASCII)
    sides = [int(side) for side in found.groups()] if found else []
    if not sides or not all(MIN_SIDE <= side <= MAX_SIDE for side in sides):
        raise InputError(
            f"{text!r} is no image size",
            f"write {'a side or ' if squares else ''}width x height, {MIN_SIDE} to {MAX_SIDE}, "
            "such as 640x480",
        )
    return sides[0], sides[1]


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


def _say(error: SpikeRainError, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    else:
        print(f"spikerain-edge: {error}".replace("\n", " "), file=sys.stderr)


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
