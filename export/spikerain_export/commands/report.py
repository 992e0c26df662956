"""Writes the JSON report of an export, and the lines that it prints."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from spikerain_edge.console import print_line
from spikerain_edge.errors import InputError
from spikerain_edge.files import require_distinct, write_whole
from spikerain_export.artefact import require_writable
from spikerain_export.origin import Origin

_STDOUT = "-"
_log = logging.getLogger(__name__)


def require_report_place(json_to: str | None, outputs: Sequence[Path], origin: Origin) -> None:
    """Checks, before the work starts, that the report can be written and overwrites no other file.

    Raises:
        InputError: the report cannot be written, or it would overwrite an input or another output.
    """
    if not json_to or json_to == _STDOUT:
        return
    require_writable(Path(json_to), "--json")
    require_distinct([json_to], origin.files)
    require_distinct([*map(str, outputs), json_to], ())


def write_report(text: str, place: str) -> None:
    """Writes the report to a file, or to standard output if `place` is `-`.

    Raises:
        InputError: the file cannot be written.
    """
    if place == _STDOUT:
        print_line(text)
        return
    try:
        write_whole(Path(place), f"{text}\n".encode())
    except OSError as error:
        raise InputError(
            f"cannot write the report {place}: {error.strerror}", "name another file with --json"
        ) from error


def say(*lines: str) -> None:
    """Prints lines for the user; empty ones are left out."""
    for line in filter(None, lines):
        _log.info("%s", line)
