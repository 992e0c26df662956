"""Where files are kept that can be made again: engines and compiled graphs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(name: str = "") -> Path:
    """Returns `spikerain-edge` in the user's cache folder (XDG base directories), or a part of it.

    Args:
        name: folder in it; empty for the whole.
    """
    root = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(root) if root.startswith("/") else Path.home() / ".cache"
    return base / "spikerain-edge" / name
