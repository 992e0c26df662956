"""Checks the structure of MPEG transport streams (ISO/IEC 13818-1)."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

_SYNC, _PACKET = 0x47, 188
# Bytes of a packet: plain, with a time stamp in front (M2TS), with error correction behind.
_LENGTHS = (188, 192, 204)
# Packets at which the length is recognised, and packets that are read at once.
_FIRST, _AT_ONCE = 8, 20_000


def is_whole(file: BinaryIO, size: int) -> bool:
    """Whether each packet begins with the sync byte, from the first that does, and none is cut.

    Lost packets leave the others in place; FFmpeg recognises them by their counters.

    Args:
        file: the file.
        size: its size in bytes.
    """
    start, length = _layout(file.read(max(_LENGTHS) * (_FIRST + 1)))
    if not length:
        return False
    # The sync byte of M2TS follows a time stamp, so that the last packet seems shorter.
    if (size - start) % length not in {0, _PACKET}:
        return False
    file.seek(start)
    while piece := file.read(length * _AT_ONCE):
        if (np.frombuffer(piece, np.uint8)[::length] != _SYNC).any():
            return False
    return True


def _layout(head: bytes) -> tuple[int, int]:
    """Where the first packet begins and how long packets are; 0 if it cannot be recognised."""
    for start in range(min(len(head), max(_LENGTHS))):
        for length in _LENGTHS:
            syncs = head[start::length][:_FIRST]
            if len(syncs) > 1 and set(syncs) == {_SYNC}:
                return start, length
    return 0, 0
