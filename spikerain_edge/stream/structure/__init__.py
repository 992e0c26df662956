"""Checks that the parts of a video file follow each other without a gap.

FFmpeg skips what it cannot read between two packets and reports nothing. The checks here read the
headers of a file only, and where a container has checksums, what these cover.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from spikerain_edge.stream.structure import asf, avi, flv, matroska, mp4, mpegts, mxf, ogg

_log = logging.getLogger(__name__)

Check = Callable[[BinaryIO, int], bool]

_CHECKS: dict[str, Check] = {
    "asf": asf.is_whole,
    "avi": avi.is_whole,
    "flv": flv.is_whole,
    "matroska": matroska.is_whole,
    "mp4": mp4.is_whole,
    "mpegts": mpegts.is_whole,
    "mxf": mxf.is_whole,
    "ogg": ogg.is_whole,
}


def is_whole(path: Path, container: str) -> bool:
    """Whether the structure of a file is undamaged, as far as its container can tell.

    Args:
        path: the file.
        container: FFmpeg's names of the container, separated by commas.
    """
    check = next((_CHECKS[name] for name in container.split(",") if name in _CHECKS), None)
    if check is None:
        return True
    try:
        with path.open("rb") as file:
            return check(file, path.stat().st_size)
    except OSError as error:
        _log.warning("cannot check %s for damage: %s", path, error.strerror)
        return True
