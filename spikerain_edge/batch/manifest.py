"""The manifest of a batch: a line of JSON for each input that was worked on."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import msgspec

from spikerain_edge.errors import InputError, StreamError

_log = logging.getLogger(__name__)

NAME = "manifest.jsonl"
"""Name of the manifest in the output folder."""

Status = Literal["done", "incomplete", "failed"]
# A line with the paths of the 100,000 pages of a document is shorter.
_LONGEST_LINE = 1 << 25


class Origin(msgspec.Struct, frozen=True):
    """What tells whether an input has changed: its size in bytes and when it was written."""

    bytes: int
    modified_ns: int


class Written(msgspec.Struct, frozen=True):
    """An output: its path in the output folder, its size in bytes and its SHA-256."""

    path: str
    bytes: int
    sha256: str


class Failure(msgspec.Struct, frozen=True):
    """Why an input failed, and the exit code that goes with it."""

    cause: str
    remedy: str
    exit_code: int


class Record(msgspec.Struct, frozen=True):
    """What became of an input.

    Attributes:
        input: its path within the tree.
        status: `done`; `incomplete` where some of its frames could not be used; `failed`.
        settings: digest of the model and the options that determine the output.
        origin: size and time of the input.
        outputs: what was written.
        frames: number of frames that were written.
        segments: number of parts that a video was cut into.
        seconds: time that workers spent on it.
        warnings: what was said about it.
        error: why it failed or is incomplete.
        time: when it was finished, ISO 8601 in UTC.
    """

    input: str
    status: Status
    settings: str
    origin: Origin
    outputs: list[Written] = []
    frames: int = 0
    segments: int = 1
    seconds: float = 0.0
    warnings: list[str] = []
    error: Failure | None = None
    time: str = ""


class Manifest:
    """Reads what earlier batches recorded, and appends to it line by line.

    A line is on the disk before the next input is recorded. A line that was cut off by a crash
    counts as absent.

    Args:
        folder: the output folder.

    Raises:
        InputError: the manifest cannot be read.
        StreamError: it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / NAME
        self._records: dict[str, Record] = {}
        try:
            torn = self._read()
            self._file = self.path.open("ab")
            if torn:
                self._file.write(b"\n")
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def settled(self, key: str, settings: str, origin: Origin) -> Record | None:
        """The record of an input that need not be worked on again.

        Args:
            key: path of the input within the tree.
            settings: digest of the present settings.
            origin: the input as it is now.
        """
        record = self._records.get(key)
        if record is None or record.status == "failed":
            return None
        same = record.settings == settings and record.origin == origin
        return record if same and all(map(self._is_there, record.outputs)) else None

    def add(self, record: Record) -> None:
        """Appends a record.

        Raises:
            StreamError: it cannot be written.
        """
        stamp = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        record = msgspec.structs.replace(record, time=stamp)
        # Names of files may hold bytes that are not UTF-8; escapes keep them.
        line = json.dumps(msgspec.to_builtins(record), ensure_ascii=True)
        try:
            self._file.write(f"{line}\n".encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self._records[record.input] = record

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _read(self) -> bool:
        """Reads all records; returns whether the last line lacks its end."""
        if not self.path.exists():
            return False
        if not self.path.is_file():
            raise InputError(f"{self.path} is not a file", "name another output folder")
        unread, line = 0, b"\n"
        with self.path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                record = _record(line)
                if record is not None:
                    self._records[record.input] = record
                elif line.endswith(b"\n"):
                    unread += bool(line.strip())
            file.seek(0, os.SEEK_END)
            size = file.tell()
            file.seek(max(0, size - 1))
            torn = size > 0 and file.read(1) != b"\n"
        if unread:
            _log.warning(
                "%d lines of %s cannot be read; their inputs are derained again", unread, self.path
            )
        return torn

    def _is_there(self, written: Written) -> bool:
        try:
            return (self._folder / written.path).stat().st_size == written.bytes
        except (OSError, ValueError):
            return False


def origin_of(path: Path) -> Origin:
    """Size and time of a file; zeros if it cannot be looked at."""
    try:
        state = path.stat()
    except OSError:
        return Origin(0, 0)
    return Origin(state.st_size, state.st_mtime_ns)


def counts(records: Iterable[Record]) -> Mapping[Status, int]:
    """How many records have each status."""
    numbers: dict[Status, int] = {"done": 0, "incomplete": 0, "failed": 0}
    for record in records:
        numbers[record.status] += 1
    return numbers


def _record(line: bytes) -> Record | None:
    """The record in a line; None if there is none."""
    try:
        content: Any = json.loads(line)
        return msgspec.convert(content, Record)
    except (ValueError, RecursionError, msgspec.ValidationError):
        return None


def _unwritable(path: Path, error: OSError) -> StreamError:
    return StreamError(
        f"cannot write {path}: {error.strerror}", "make room there, or name another output folder"
    )
