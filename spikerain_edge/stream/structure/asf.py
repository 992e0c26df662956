"""Checks the structure of ASF files, such as WMV (Microsoft, Advanced Systems Format)."""

from __future__ import annotations

from typing import BinaryIO

_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_OBJECT_BYTES, _HEADER_BYTES, _DATA_BYTES = 24, 30, 50
# Where the file properties say whether it is a broadcast, and how long packets are.
_FLAGS_AT, _LEAST_AT, _MOST_AT = 88, 92, 96


def is_whole(file: BinaryIO, size: int) -> bool:
    """Whether the data have as many packets as they say and each begins as the first does.

    Args:
        file: the file.
        size: its size in bytes.
    """
    head = file.read(_OBJECT_BYTES)
    start = int.from_bytes(head[16:24], "little")
    if start > size:
        return False
    properties = _within(file, _HEADER_BYTES, min(start, size), _PROPERTIES)
    file.seek(start)
    data = file.read(_DATA_BYTES)
    if head[:16] != _HEADER or properties is None or data[:16] != _DATA:
        return False
    broadcast = properties[_FLAGS_AT] & 1
    least, most = (
        int.from_bytes(properties[at : at + 4], "little") for at in (_LEAST_AT, _MOST_AT)
    )
    count = int.from_bytes(data[40:48], "little")
    if broadcast or least != most or not least:
        return True
    first = start + _DATA_BYTES
    return first + count * least <= size and _begin_alike(file, first, count, least)


def _within(file: BinaryIO, at: int, end: int, wanted: bytes) -> bytes | None:
    """The object of a kind between two offsets; None if there is none."""
    while at + _OBJECT_BYTES <= end:
        file.seek(at)
        head = file.read(_MOST_AT + 8)
        length = int.from_bytes(head[16:24], "little")
        if head[:16] == wanted and len(head) == _MOST_AT + 8:
            return head
        at += max(length, _OBJECT_BYTES)
    return None


def _begin_alike(file: BinaryIO, first: int, count: int, length: int) -> bool:
    """Whether packets have the same bytes of error correction at their beginning."""
    file.seek(first)
    sign = file.read(3)
    for number in range(1, count):
        file.seek(first + number * length)
        if file.read(3) != sign:
            return False
    return True
