"""Checks the structure of MXF files (SMPTE ST 377-1)."""

from __future__ import annotations

from typing import BinaryIO

_KEY = bytes.fromhex("060e2b34")
_KEY_BYTES = 16


def is_whole(file: BinaryIO, size: int) -> bool:
    """Whether triplets of key, length and value follow each other up to the end.

    Args:
        file: the file.
        size: its size in bytes.
    """
    at = 0
    while at < size:
        file.seek(at)
        head = file.read(_KEY_BYTES + 9)
        if head[:4] != _KEY or len(head) <= _KEY_BYTES:
            return False
        length, body = head[_KEY_BYTES], _KEY_BYTES + 1
        if length & 0x80:
            more = length & 0x7F
            length = int.from_bytes(head[body : body + more], "big")
            body += more
        at += body + length
    return at == size
