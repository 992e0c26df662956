"""Reads single values that the kernel offers as files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from spikerain_edge.errors import SpikeRainError

_Found = TypeVar("_Found")


class RailError(SpikeRainError):
    """A rail cannot be read, or no longer; a report says so in place of a figure."""

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(cause, remedy)


def readable(readers: Iterable[Callable[[], _Found]]) -> tuple[list[_Found], list[RailError]]:
    """Returns what can be read, and why the rest cannot.

    Args:
        readers: make one thing each, or raise `RailError`.
    """
    found: list[_Found] = []
    failures: list[RailError] = []
    for reader in readers:
        try:
            found.append(reader())
        except RailError as error:
            failures.append(error)
    return found, failures


def read_text(path: Path) -> str:
    """Reads a small file, without surrounding white space.

    Raises:
        RailError: it cannot be read.
    """
    try:
        return path.read_text(encoding="ascii").strip()
    except PermissionError as error:
        raise RailError(f"only root may read {path}", f"run: sudo chmod a+r {path}") from error
    except OSError as error:
        raise RailError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RailError(f"{path} is not a text file") from error


def read_number(path: Path) -> float:
    """Reads the number that a small file starts with, in the kernel's unit.

    Raises:
        RailError: it cannot be read or is not a number.
    """
    text = read_text(path)
    try:
        # Older Jetson kernels append a unit ("32760 ma").
        return float(text.split()[0])
    except (ValueError, IndexError) as error:
        raise RailError(f"{path} holds {text[:20]!r}, which is not a number") from error
