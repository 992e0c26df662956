"""How every command treats errors and what libraries print."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, TextIO

import typer

from spikerain_edge.errors import SpikeRainError

Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks and library messages.")]


@contextmanager
def one_line_errors(debug: bool) -> Iterator[None]:
    """Prints an error of ours as one line and exits with its code; silences libraries."""
    with nullcontext() if debug else _silent_libraries():
        try:
            yield
        except SpikeRainError as error:
            if debug:
                traceback.print_exc()
            else:
                print(f"spikerain-edge: {error}".replace("\n", " "), file=sys.stderr)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            raise typer.Exit(128 + signal.SIGINT) from None


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
