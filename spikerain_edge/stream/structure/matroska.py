"""Checks the structure of Matroska and WebM files (RFC 9559)."""

from __future__ import annotations

import zlib
from typing import BinaryIO, NamedTuple

_HEADER, _SEGMENT, _CLUSTER, _CHECKSUM = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0xBF
_PARTS_OF_SEGMENT = {
    *(0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367),
    _CLUSTER,
}
_PARTS_OF_CLUSTER = {0xE7, 0x5854, 0xA7, 0xAB, 0xA0, 0xA3, 0xAF}
_PARTS_OF_ANY = {0xEC, _CHECKSUM}
_KNOWN = {_HEADER, _SEGMENT} | _PARTS_OF_SEGMENT | _PARTS_OF_CLUSTER | _PARTS_OF_ANY
_ENTERED = {_SEGMENT, _CLUSTER}
_PIECE = 1 << 20


class _Element(NamedTuple):
    """An element: its kind, where its content begins and ends; no end if its size is unknown."""

    kind: int
    body: int
    end: int | None


def is_whole(file: BinaryIO, size: int) -> bool:
    """Whether elements follow each other, fit into each other and have the right checksums.

    Data after the end of the segment are ignored.

    Args:
        file: the file.
        size: its size in bytes.
    """
    at, ends = 0, [size]
    while at < size:
        ended = at == ends[-1]
        while at == ends[-1]:
            ends.pop()
        element = _element(file, at)
        if ended and len(ends) == 1 and (element is None or element.kind != _HEADER):
            return True
        if element is None or not _is_sound(file, element, ends[-1]):
            return False
        if element.kind == _SEGMENT:
            ends.append(ends[-1] if element.end is None else element.end)
        elif element.kind == _CLUSTER and element.end is not None:
            ends.append(element.end)
        at = element.body if element.kind in _ENTERED or element.end is None else element.end
    return True


def _is_sound(file: BinaryIO, element: _Element, limit: int) -> bool:
    """Whether an element is one of Matroska's, ends before a limit and matches its checksum."""
    if element.kind not in _KNOWN:
        return False
    if element.end is None:
        return element.kind in _ENTERED
    if element.end > limit:
        return False
    return element.kind != _CLUSTER or _matches_checksum(file, element.body, element.end)


def _element(file: BinaryIO, at: int) -> _Element | None:
    """The element that begins at an offset; None if there is none."""
    file.seek(at)
    head = file.read(12)
    if not head or not head[0]:
        return None
    kind_bytes = 9 - head[0].bit_length()
    if kind_bytes > 4 or len(head) <= kind_bytes or not head[kind_bytes]:
        return None
    size_bytes = 9 - head[kind_bytes].bit_length()
    body = kind_bytes + size_bytes
    if len(head) < body:
        return None
    unknown = (1 << 7 * size_bytes) - 1
    length = int.from_bytes(head[kind_bytes:body], "big") & unknown
    end = None if length == unknown else at + body + length
    return _Element(int.from_bytes(head[:kind_bytes], "big"), at + body, end)


def _matches_checksum(file: BinaryIO, body: int, end: int) -> bool:
    """Whether a cluster matches its CRC-32, or has none."""
    first = _element(file, body)
    if first is None or first.kind != _CHECKSUM or first.end != first.body + 4:
        return True
    file.seek(first.body)
    expected = int.from_bytes(file.read(4), "little")
    found, left = 0, end - first.end
    while left > 0 and (piece := file.read(min(left, _PIECE))):
        found = zlib.crc32(piece, found)
        left -= len(piece)
    return found == expected
