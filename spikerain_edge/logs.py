"""Logging for the command line: every message of the packages on standard error.

The packages log through `logging.getLogger(__name__)` and stay silent until a program adds a
handler. `log_to_stderr` is the handler of both command-line programs.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from enum import Enum

PACKAGES = ("spikerain_edge", "spikerain_training", "spikerain_export")
_STANDARD_FIELDS = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime"})


class LogFormat(str, Enum):
    """How messages are written."""

    TEXT = "text"
    JSON = "json"


class TextFormatter(logging.Formatter):
    """Lines for people: the bare message, and the program's name before warnings and errors.

    Args:
        program: name of the program.
    """

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as logging names it
        """The message of a record in one line."""
        message = " ".join(record.message.splitlines())
        if record.levelno >= logging.ERROR:
            return f"{self._program}: {message}"
        if record.levelno >= logging.WARNING:
            return f"{self._program}: warning: {message}"
        return message


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, and the extra fields of a record.

    The time is ISO 8601 in UTC. A traceback is in the field `exception`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """A record as one line of JSON."""
        time = datetime.fromtimestamp(record.created, timezone.utc)
        fields = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD_FIELDS}
        if record.exc_info:
            extra["exception"] = self.formatException(record.exc_info)
        return json.dumps({**fields, **extra}, default=str)


class StderrHandler(logging.Handler):
    """Writes to what `sys.stderr` is at that moment: a progress bar puts itself in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record; a standard error that is closed is no failure of the program."""
        if sys.stderr is not None:
            with suppress(OSError):
                print(self.format(record), file=sys.stderr, flush=True)


class StatusHandler(logging.Handler):
    """Shows the latest message in one place.

    Args:
        show: called with every message.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        """Shows one record."""
        self._show(record.getMessage())


@contextmanager
def attached(handler: logging.Handler) -> Iterator[None]:
    """Sends every message of the packages, down to the handler's level, to it."""
    loggers = [logging.getLogger(package) for package in PACKAGES]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)


@contextmanager
def log_to_stderr(program: str, log_format: LogFormat, *, verbose: bool) -> Iterator[None]:
    """Shows the messages of the packages on standard error within the context.

    Args:
        program: name of the program, which stands before warnings and errors.
        log_format: text for people or lines of JSON.
        verbose: also show DEBUG; otherwise INFO and above.
    """
    handler = StderrHandler(logging.DEBUG if verbose else logging.INFO)
    text = log_format is LogFormat.TEXT
    handler.setFormatter(TextFormatter(program) if text else JsonFormatter())
    with attached(handler):
        yield
