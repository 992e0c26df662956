"""Checks the structure of Ogg files (RFC 3533)."""

from __future__ import annotations

import zlib
from typing import BinaryIO

_SIGN = b"OggS"
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def is_whole(file: BinaryIO, size: int) -> bool:
    """Whether pages follow each other up to the end and have the right checksums.

    Args:
        file: the file.
        size: its size in bytes.
    """
    at = 0
    numbers: dict[bytes, int] = {}
    while at < size:
        file.seek(at)
        head = file.read(27)
        if len(head) < 27 or head[:4] != _SIGN:
            return False
        sizes = file.read(head[26])
        content = file.read(sum(sizes))
        if len(content) < sum(sizes) or not _matches_checksum(head, sizes + content):
            return False
        stream, number = head[14:18], int.from_bytes(head[18:22], "little")
        if number != numbers.get(stream, number):
            return False
        numbers[stream] = number + 1
        at += len(head) + len(sizes) + len(content)
    return True


def _matches_checksum(head: bytes, rest: bytes) -> bool:
    """Whether a page matches its checksum: the CRC-32 of zlib, with the bits in other order."""
    expected = int.from_bytes(head[22:26], "little")
    page = (head[:22] + bytes(4) + head[26:] + rest).translate(_REVERSED)
    found = zlib.crc32(page, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{found:032b}"[::-1], 2) == expected
