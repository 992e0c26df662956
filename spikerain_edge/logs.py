"""Logging for the command line: shows the messages of the packages on standard error.

The packages log through `logging.getLogger(__name__)` and show nothing until a program adds a
handler. Both command-line programs use `log_to_stderr`.
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
    """Formats of messages."""

    TEXT = "text"
    JSON = "json"


class TextFormatter(logging.Formatter):
    """Formats a message as one line; warnings and errors begin with the name of the program.

    Args:
        program: name of the program.
    """

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as logging names it
        """Returns the message of a record in one line."""
        message = " ".join(record.message.splitlines())
        if record.levelno >= logging.ERROR:
            return f"{self._program}: {message}"
        if record.levelno >= logging.WARNING:
            return f"{self._program}: warning: {message}"
        return message


class JsonFormatter(logging.Formatter):
    """Formats a message as one line of JSON: time, level, logger, message and extra fields.

    The time is ISO 8601 in UTC. A traceback is in the field `exception`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Returns a record as one line of JSON."""
        time = datetime.fromtimestamp(record.created, timezone.utc)
        fields = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        extra = {
            key: value
            for key, value in vars(record).items()
            # Libraries that replace logging's record factory, as Ray does, add fields of their own.
            if key not in _STANDARD_FIELDS and not key.startswith("_")
        }
        if record.exc_info:
            extra["exception"] = self.formatException(record.exc_info)
        return json.dumps({**fields, **extra}, default=str)


class StderrHandler(logging.Handler):
    """Writes to the current `sys.stderr`, which a progress bar replaces while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record; ignores a closed standard error."""
        if sys.stderr is not None:
            with suppress(OSError):
                print(self.format(record), file=sys.stderr, flush=True)


class StatusHandler(logging.Handler):
    """Shows the latest message, for example on a status line.

    Args:
        show: called with each message.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        """Shows the message of a record."""
        self._show(record.getMessage())


@contextmanager
def attached(handler: logging.Handler) -> Iterator[None]:
    """Adds a handler to the loggers of the packages within the context."""
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
        program: name of the program; warnings and errors begin with it.
        log_format: text or lines of JSON.
        verbose: show messages of level DEBUG and above instead of INFO and above.
    """
    handler = StderrHandler(logging.DEBUG if verbose else logging.INFO)
    text = log_format is LogFormat.TEXT
    handler.setFormatter(TextFormatter(program) if text else JsonFormatter())
    with attached(handler):
        yield
