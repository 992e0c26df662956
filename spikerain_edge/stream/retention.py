"""Which recordings are deleted to make room for the next ones."""

from __future__ import annotations

import logging
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

    def make_room(self, template: Path, current: Path | None = None) -> None:
        """Deletes recordings that are too old or too many, the oldest first.

        Only files that this template can have made are touched, and those only where a limit says
        how much is kept.

        Args:
            template: the name of the recordings.
            current: the file that is being written, which stays.
        """
        if not self.deletes:
            return
        # A file that another process deletes meanwhile is no failure.
        sizes: dict[Path, int] = {}
        for path in made_from(template):
            with suppress(OSError):
                sizes[path] = path.stat().st_size
        total = sum(sizes.values())
        for path, size in sizes.items():
            if path == current or not self._surplus(path, total):
                continue
            total -= size
            with suppress(OSError):
                path.unlink()
                _log.info("deleted the recording %s", path)
                _remove_emptied(path, template)

    def lacks_room(self, folder: Path, needed: int = 0) -> bool:
        """Whether less of a folder's disk is free than is to be left, or than is needed."""
        return _free(folder) < max(self.min_free, needed)

    def _surplus(self, path: Path, total: int) -> bool:
        if self.keep_bytes is not None and total > self.keep_bytes:
            return True
        with suppress(OSError):
            age = time.time() - path.stat().st_mtime
            if self.keep_seconds is not None and age > self.keep_seconds:
                return True
            spare = min(_MOST_SPARE, shutil.disk_usage(path.parent).total // _SPARE)
            return self.lacks_room(path.parent, spare)
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
