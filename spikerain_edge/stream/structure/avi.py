"""Checks the structure of AVI files (RIFF, with the OpenDML extensions)."""

from __future__ import annotations

import re
from typing import BinaryIO

# Stream number and kind of data, indexes, padding.
_CHUNK = re.compile(rb"[0-9A-Fa-f]{2}[A-Za-z0-9]{2}|ix\d\d|idx1|indx|JUNK|junk|RIFF|LIST|hdrl|INFO")
# Lists that are entered; chunks of the others are no frames.
_ENTERED = {b"AVI ", b"AVIX", b"movi", b"rec "}
_KINDS_OF_LIST = {b"RIFF", b"LIST"}


def is_whole(file: BinaryIO, size: int) -> bool:
    """Whether the chunks of a file follow each other up to its end.

    A file that was never completed says that it is empty; its chunks are read up to the end.

    Args:
        file: the file.
        size: its size in bytes.
    """
    at, found, end = 0, False, size
    while at + 8 <= size:
        file.seek(at)
        head = file.read(12)
        kind, length, form = head[:4], int.from_bytes(head[4:8], "little"), head[8:]
        if _CHUNK.fullmatch(kind) is None:
            # Some programs do not pad a chunk of an odd size.
            file.seek(at - 1)
            if found and at % 2 == 0 and _CHUNK.fullmatch(file.read(4)):
                at -= 1
                continue
            return at >= end
        if kind == b"RIFF":
            end = min(size, at + 8 + length) if length else size
        found = True
        if kind in _KINDS_OF_LIST and form in _ENTERED:
            at += 12
            continue
        at += 8 + length + length % 2
    return at <= size + 1
