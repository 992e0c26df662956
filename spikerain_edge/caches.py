"""Where files are kept that can be made again: engines and compiled graphs."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def cache_folder(name: str = "") -> Path:
    """Returns `spikerain-edge` in the user's cache folder (XDG base directories), or a part of it.

    A user without a home folder gets one in the folder for temporary files.

    Args:
        name: folder in it; empty for the whole.
    """
    root = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(root) if root.startswith("/") else _home_cache()) / "spikerain-edge" / name


def _home_cache() -> Path:
    try:
        return Path.home() / ".cache"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"cache-{os.getuid()}"


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
