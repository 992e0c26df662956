"""Keeps how long kernels took, so that the next build need not measure them again."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from spikerain_edge.files import write_whole

MAX_TIMING_BYTES = 256 << 20

_DIGEST = hashlib.sha256().digest_size


def load_timings(config: Any, path: Path) -> None:
    """Gives a build the timings of earlier ones; a damaged file or one of others is passed over.

    Timings only save time: TensorRT itself refuses those of another version or GPU.

    Args:
        config: TensorRT's `IBuilderConfig`.
        path: file to read.
    """
    timings = config.create_timing_cache(_read(path))
    if timings is None or not config.set_timing_cache(timings, False):
        empty = config.create_timing_cache(b"")
        if empty is not None:
            config.set_timing_cache(empty, False)


def save_timings(config: Any, path: Path) -> None:
    """Keeps the timings of a finished build; where they cannot be written they are lost."""
    timings = config.get_timing_cache()
    if timings is None:
        return
    content = bytes(timings.serialize())
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, hashlib.sha256(content).digest() + content)


def _read(path: Path) -> bytes:
    """The timings behind their digest; nothing where the file is missing, damaged or too large."""
    try:
        if path.stat().st_size > MAX_TIMING_BYTES:
            return b""
        stored = path.read_bytes()
    except OSError:
        return b""
    digest, content = stored[:_DIGEST], stored[_DIGEST:]
    return content if hashlib.sha256(content).digest() == digest else b""
