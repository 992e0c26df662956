"""The one error family: what went wrong, and what to type next.

It is for mistakes of users and failures of the world (files, cameras, models, memory). The command
line prints the message in one line and exits with `exit_code`. Every other exception is a bug.
"""

from __future__ import annotations


class SpikeRainError(Exception):
    """Base of every error that the package raises on purpose.

    Args:
        cause: what is wrong, naming the file, camera or value.
        remedy: what to do about it, ideally a command to type; empty where the error is told as
            part of another.
    """

    exit_code = 2

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"{cause}; {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[SpikeRainError], tuple[str, str]]:
        """Another process receives the error with its parts."""
        return type(self), (self.cause, self.remedy)


class InputError(SpikeRainError):
    """The request cannot be served as asked: bad input or bad usage."""

    exit_code = 2


class StreamError(SpikeRainError):
    """A source or a sink failed for good."""

    exit_code = 3


class ModelError(SpikeRainError):
    """A model, an engine or a checkpoint cannot be used."""

    exit_code = 4


class ComputeError(SpikeRainError):
    """The computation cannot go on: memory ran out, or the loss of a training is not finite."""

    exit_code = 5
