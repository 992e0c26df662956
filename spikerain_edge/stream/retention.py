"""Which recordings are deleted to make room for the next ones."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from spikerain_edge.stream.names import is_dated, made_from

_log = logging.getLogger(__name__)
# Part of a disk that deletions keep free, and the most bytes of it, so that it is never full.
_SPARE = 50
_MOST_SPARE = 64 << 20
# 2020 in seconds since 1970: a clock that says less has not been set.
_SET = 1_577_836_800


@dataclass(frozen=True)
class Limits:
    """How recordings are cut and kept.

    Attributes:
        segment: seconds after which a new file begins; one file if None.
        keep_seconds: how long after its end a file is kept; for ever if None.
        keep_bytes: what all files together may take; no limit if None.
        min_free: bytes of the disk that are left free.
    """

    segment: float | None = None
    keep_seconds: float | None = None
    keep_bytes: int | None = None
    min_free: int = 0

    @property
    def deletes(self) -> bool:
        """Whether old recordings are deleted at all."""
        return self.keep_seconds is not None or self.keep_bytes is not None

    def lacks_room(self, folder: Path, needed: int = 0) -> bool:
        """Whether less of a folder's disk is free than is to be left, or than is needed."""
        return _free(folder) < max(self.min_free, needed)


class Shelf:
    """The recordings of one name: the oldest of them make room for the next.

    Only files that the name can have made are touched, and those only where a limit says how much
    is kept. A file that this or another program is recording into stays.

    The clock of a board without a battery is wrong until a network sets it. So the age of a file
    that this program has made is not told by that clock, and a time before 2020 is no age.

    Args:
        template: the name of the recordings.
        limits: what is kept of them.
    """

    def __init__(self, template: Path, limits: Limits) -> None:
        self._template = template
        self._limits = limits
        self._current: int | None = None
        # When files of this program have ended, on a clock that nobody sets.
        self._ended: dict[Path, float] = {}
        self._path = template

    def begin(self, path: Path) -> None:
        """A file is recorded into from now on."""
        self.end()
        self._path = path.absolute()
        with suppress(OSError):
            self._current = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            # Tells other programs; the system forgets it when this one ends, however it does.
            fcntl.flock(self._current, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def end(self) -> None:
        """Nothing more is recorded into the file."""
        current, self._current = self._current, None
        if current is not None:
            os.close(current)
            self._ended[self._path] = _now()

    def make_room(self) -> None:
        """Deletes recordings that are too old or too many, the oldest first."""
        if not self._limits.deletes:
            return
        found = self._found()
        self._ended = {path: self._ended[path] for path in found if path in self._ended}
        total = sum(found.values())
        for path, size in found.items():
            # A file that another process deletes meanwhile is no failure.
            with suppress(OSError):
                if not self._is_surplus(path, total) or _in_use(path):
                    continue
                path.unlink()
                total -= size
                _log.info("deleted the recording %s", path)
                _remove_emptied(path, self._template)

    def _found(self) -> dict[Path, int]:
        """Bytes of each recording, the oldest first."""
        sizes: dict[Path, int] = {}
        paths = sorted(made_from(self._template), key=lambda path: self._ended.get(path, 0.0))
        for path in paths:
            with suppress(OSError):
                sizes[path] = path.stat().st_size
        return sizes

    def _is_surplus(self, path: Path, total: int) -> bool:
        limits = self._limits
        if limits.keep_bytes is not None and total > limits.keep_bytes:
            return True
        if limits.keep_seconds is not None and self._age(path) > limits.keep_seconds:
            return True
        spare = min(_MOST_SPARE, shutil.disk_usage(path.parent).total // _SPARE)
        return limits.lacks_room(path.parent, spare)

    def _age(self, path: Path) -> float:
        """Seconds since a recording has ended; 0 if no clock knows."""
        if path in self._ended:
            return _now() - self._ended[path]
        ended = path.stat().st_mtime
        return time.time() - ended if ended > _SET else 0.0


def _now() -> float:
    """Seconds since the system was started, those in which it slept too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _in_use(path: Path) -> bool:
    """Whether a program is recording into a file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        # The file system knows no locks.
        return False
    finally:
        os.close(descriptor)
    return False


def _free(folder: Path) -> int:
    place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(place).free


def _remove_emptied(path: Path, template: Path) -> None:
    """Removes folders with a time stamp in their name that a deletion has left empty."""
    pairs = zip(path.parents, template.absolute().parents, strict=True)
    with suppress(OSError):
        for folder, made in pairs:
            if not is_dated(made.name):
                break
            folder.rmdir()
