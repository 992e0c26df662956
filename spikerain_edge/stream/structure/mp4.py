"""Checks the structure of fragmented MP4 and MOV files (ISO/IEC 14496-12).

A file that is not fragmented has one index of all frames, and needs no check.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_FRAGMENT, _TRACK = b"moof", b"traf"


class _Box(NamedTuple):
    kind: bytes
    body: int
    end: int


def is_whole(file: BinaryIO, size: int) -> bool:
    """Whether the boxes of a file follow each other and those of each fragment fit into it.

    Args:
        file: the file.
        size: its size in bytes.
    """
    fragmented, at = False, 0
    for box in _boxes(file, 0, size):
        at = box.end
        if box.kind == _FRAGMENT:
            fragmented = True
            if not _is_whole_fragment(file, box):
                return False
    return at == size or not fragmented


def _is_whole_fragment(file: BinaryIO, fragment: _Box) -> bool:
    at = fragment.body
    for box in _boxes(file, fragment.body, fragment.end):
        at = box.end
        if box.kind == _TRACK:
            inner = box.body
            for part in _boxes(file, box.body, box.end):
                inner = part.end
            if inner != box.end:
                return False
    return at == fragment.end


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[_Box]:
    """The boxes between two offsets, up to the first that is none."""
    while at + 8 <= end:
        file.seek(at)
        head = file.read(16)
        length, kind, body = int.from_bytes(head[:4], "big"), head[4:8], at + 8
        if length == 1:
            length, body = int.from_bytes(head[8:], "big"), at + 16
        elif length == 0:
            length = end - at
        if at + length > end or at + length < body or not kind.isascii() or not any(kind):
            return
        yield _Box(kind, body, at + length)
        at += length
