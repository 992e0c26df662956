"""Where files are kept that can be made again: engines and compiled graphs."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from spikerain_edge.errors import InputError


def cache_folder(name: str = "") -> Path:
    """Returns `spikerain-edge` in the user's cache folder (XDG base directories), or a part of it.

    Args:
        name: folder in it; empty for the whole.

    Raises:
        InputError: the user has no home folder, and `XDG_CACHE_HOME` names no other. A folder for
            temporary files is not used: another user could put files into it.
    """
    root = os.environ.get("XDG_CACHE_HOME", "")
    try:
        base = Path(root) if root.startswith("/") else Path.home() / ".cache"
    except RuntimeError as error:
        raise InputError(
            "files cannot be cached: this user has no home folder",
            "set XDG_CACHE_HOME to a folder that you can write to",
        ) from error
    return base / "spikerain-edge" / name


def forget_oldest(folder: Path, pattern: str, count: int, keep: Path) -> None:
    """Deletes the files that were used longest ago; files that cannot be deleted stay.

    Args:
        folder: folder of the cache.
        pattern: glob of the files that count.
        count: number of files that may stay.
        keep: file that stays in any case.
    """
    aged = []
    for path in folder.glob(pattern):
        with suppress(OSError):  # another process may delete it at the same time
            aged.append((path != keep, -path.stat().st_mtime, path))
    for _, _, path in sorted(aged)[count:]:
        with suppress(OSError):
            path.unlink()
