"""Checks the structure of FLV files."""

from __future__ import annotations

from typing import BinaryIO

_KINDS = {8, 9, 18}
_KIND_BITS = 0x1F


def is_whole(file: BinaryIO, size: int) -> bool:
    """Whether the tags of a file follow each other up to its end.

    Args:
        file: the file.
        size: its size in bytes.
    """
    file.seek(5)
    # Each tag comes after the size of the one before.
    at = int.from_bytes(file.read(4), "big") + 4
    while at < size:
        file.seek(at)
        head = file.read(11)
        if len(head) < 11 or head[0] & _KIND_BITS not in _KINDS or any(head[8:]):
            return False
        at += 11 + int.from_bytes(head[1:4], "big") + 4
    # Some programs leave out the last size.
    return at <= size + 4
