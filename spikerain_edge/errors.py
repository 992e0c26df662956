"""The errors of the package: the cause of a failure and what to do about it.

They are for mistakes of users and for failures outside the program (files, cameras, models,
memory). The command line prints the message in one line and exits with `exit_code`. Every other
exception is a bug.
"""

from __future__ import annotations


class SpikeRainError(Exception):
    """Base of every error that the package raises on purpose.

    Args:
        cause: what went wrong, with the name of the file or camera, or the value.
        remedy: what to do next, if possible a command; empty if the error becomes part of another.
    """

    exit_code = 2

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"{cause}; {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[SpikeRainError], tuple[str, str]]:
        """Keeps cause and remedy when the error is sent to another process."""
        return type(self), (self.cause, self.remedy)


class InputError(SpikeRainError):
    """An input or the usage of a command is wrong."""

    exit_code = 2


class TooLargeError(InputError):
    """There is not enough memory for images of a size."""

    exit_code = 5

    @classmethod
    def of(cls, height: int, width: int) -> TooLargeError:
        """Returns the error for an image of a size in pixels."""
        return cls(
            f"not enough memory for an image of {width}x{height}",
            "derain it in tiles: --tile auto, scale it down: --imgsz WxH, or close other programs",
        )


class StreamError(SpikeRainError):
    """A source or a sink failed permanently."""

    exit_code = 3


class ModelError(SpikeRainError):
    """A model, an engine or a checkpoint cannot be used."""

    exit_code = 4


class ComputeError(SpikeRainError):
    """A computation cannot continue: memory ran out, or a training loss is not finite."""

    exit_code = 5
