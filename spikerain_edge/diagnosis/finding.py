"""One line of a diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from spikerain_edge.errors import SpikeRainError


class Status(str, Enum):
    """What a finding means for `spikerain-edge run`."""

    OK = "ok"
    """It works."""
    ABSENT = "absent"
    """An optional part is not here; runs that do not need it work."""
    BROKEN = "broken"
    """Runs do not work until it is fixed."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        section: what it belongs to, such as `video`.
        name: what was looked at.
        status: whether it works.
        detail: version, size or reason.
        fix: a command or a sentence that fixes it; empty if nothing is to be fixed.
    """

    section: str
    name: str
    status: Status
    detail: str
    fix: str = ""


Check = Callable[[], Iterator[Finding]]


def found(section: str, name: str, detail: str) -> Finding:
    """Returns the finding of a part that works."""
    return Finding(section, name, Status.OK, detail)


def absent(section: str, name: str, detail: str, fix: str = "") -> Finding:
    """Returns the finding of an optional part that is not here."""
    return Finding(section, name, Status.ABSENT, detail, fix)


def failed(section: str, name: str, error: SpikeRainError, status: Status) -> Finding:
    """Returns the finding of a part whose use ends with an error."""
    return Finding(section, name, status, error.cause, error.remedy)
