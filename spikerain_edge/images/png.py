"""Finds damage in PNG files; OpenCV does not check all checksums of an animation."""

from __future__ import annotations

import zlib

_SIGN_BYTES, _CHUNK_BYTES = 8, 12
# Chunks of an animation, without which its images cannot be decoded either.
_OF_ANIMATIONS = {b"acTL", b"fcTL", b"fdAT"}


def is_damaged_png(content: bytes) -> bool:
    """Whether a chunk of a PNG is longer than the rest of the file or fails its checksum.

    OpenCV allocates as many bytes as a chunk claims to have. Chunks that images do not need may be
    wrong.

    Args:
        content: the whole file; what follows its end chunk does not matter.
    """
    at = _SIGN_BYTES
    while at < len(content):
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        body, at = at + 4, at + _CHUNK_BYTES + size
        if at > len(content):
            return True
        if kind[:1].isupper() or kind in _OF_ANIMATIONS:
            expected = int.from_bytes(content[at - 4 : at], "big")
            if zlib.crc32(memoryview(content)[body : at - 4]) != expected:
                return True
        if kind == b"IEND":
            break
    return False
