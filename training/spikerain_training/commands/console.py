"""How commands treat errors, what OpenCV says, and JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from spikerain_edge import SpikeRainError
from spikerain_edge.files import require_distinct, require_writable, write_whole


@contextmanager
def one_line_errors(console: Console) -> Iterator[None]:
    """Prints an expected error as one line and exits with its code, 2 unless it has another."""
    level = cv2.utils.logging.getLogLevel()
    # OpenCV prints lines of its own about a broken file, which we report in one.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    except (OSError, ValueError, FloatingPointError, SpikeRainError) as error:
        line = f"spikerain-train: {_one_line(_described(error))}"
        print_line(console, line, style="red")
        code = error.exit_code if isinstance(error, SpikeRainError) else 2
        raise typer.Exit(code) from error
    finally:
        cv2.utils.logging.setLogLevel(level)


def print_line(console: Console, line: str, style: str | None = None) -> None:
    """Prints a line as it is: nothing in a file's name is markup, and nothing is broken off."""
    console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def counting_bar(console: Console) -> Progress:
    """A progress bar that counts, gone when done and never in a log file."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def require_targets(*targets: Path | str | None) -> None:
    """Finds out before the work, not after it, that a file cannot be written.

    Args:
        targets: files that will be written; `-`, standard output, and none are passed over.

    Raises:
        FileNotFoundError: the folder of a target does not exist.
        InputError: a target is a folder, cannot be written to, or is named twice.
    """
    paths = [Path(target) for target in targets if target and str(target) != "-"]
    for path in paths:
        if not path.parent.is_dir():
            raise FileNotFoundError(f"no folder {path.parent}; create it: mkdir -p {path.parent}")
        require_writable(path)
    require_distinct(map(str, paths), [])


def write_json(document: dict[str, Any], target: str) -> None:
    """Writes a document to the file `target`, whole, or to standard output for `-`.

    Raises:
        OSError: the file cannot be written.
    """
    text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    if target == "-":
        sys.stdout.write(text)
    else:
        write_whole(Path(target), text.encode())


def _described(error: Exception) -> str:
    """What the error says; of an error of the system the file and what to do, without a number."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        cause = error.strerror.lower()
        return f"cannot use {error.filename} ({cause}); check that path and its permissions"
    return str(error)


def _one_line(message: str) -> str:
    # A worker of a data loader hands over its whole traceback, which ends with the error itself.
    if message.startswith("Caught ") and "Traceback" in message:
        return message.strip().splitlines()[-1].partition(": ")[2]
    return " ".join(message.split())
