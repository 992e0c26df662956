"""Keeps kernel timings of TensorRT, so that the next build is faster."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from spikerain_edge.files import write_whole

MAX_TIMING_BYTES = 256 << 20

_DIGEST = hashlib.sha256().digest_size


def load_timings(config: Any, path: Path) -> None:
    """Loads the timings of earlier builds; ignores a file that is damaged or does not fit.

    Timings only save time. TensorRT itself rejects timings of another version or GPU.

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
    """Saves the timings of a finished build; gives up silently if the file cannot be written."""
    timings = config.get_timing_cache()
    if timings is None:
        return
    content = bytes(timings.serialize())
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, hashlib.sha256(content).digest() + content)


def _read(path: Path) -> bytes:
    """Returns the timings; empty if the file is missing, damaged or too large."""
    try:
        if path.stat().st_size > MAX_TIMING_BYTES:
            return b""
        stored = path.read_bytes()
    except OSError:
        return b""
    digest, content = stored[:_DIGEST], stored[_DIGEST:]
    return content if hashlib.sha256(content).digest() == digest else b""
