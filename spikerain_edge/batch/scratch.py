"""The temporary folder of a local Ray; a later batch removes what a killed batch left."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "spikerain-ray-"
_LOCK = "lock"
# The system limits the names of Ray's sockets, which are in the folder.
_LONGEST_PARENT = 40


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Creates a temporary folder with a short name, and removes it at the end.

    Raises:
        OSError: it cannot be made.
    """
    parent = Path(tempfile.gettempdir())
    if len(str(parent)) > _LONGEST_PARENT:
        parent = Path("/tmp")  # noqa: S108 - the folder in it has a name that nobody can guess
    _remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    try:
        with (folder / _LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    """Removes folders that no process locks any more."""
    for folder in parent.glob(f"{_PREFIX}*"):
        # It may belong to another user, or be held.
        with suppress(OSError), (folder / _LOCK).open("rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
