"""Finds damage in WebP files (RFC 9649), which decoders do not report."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

# Lossless images that take so many bits per pixel never contain so many zero bytes in a row.
# Drawings do, which take fewer.
_HOLE, _BITS_OF_PHOTOGRAPHS = bytes(64), 4
_LOSSY, _LOSSLESS, _FRAME = b"VP8 ", b"VP8L", b"ANMF"
_RIFF_HEADER, _CHUNK_HEADER, _FRAME_HEADER = 12, 8, 16
# Bytes before the first partition of a lossy image: its size is in the first three.
_LOSSY_HEADER = 10
# A decoder needs all bytes of a partition but the few with which an encoder fills the last one up.
_NEEDED = 8
# Smaller images have no room for damage that could be told.
_SMALLEST = 64


def is_damaged_webp(content: bytes) -> bool:
    """Whether a WebP file ends early or has damaged images.

    The arithmetic decoder of a lossy image reads any data without an error, but it does not stop at
    the end of damaged ones: it needs more bytes than there are, which it reports, or fewer. So an
    image is damaged if it can also be decoded without its last bytes.

    The codes of a lossless image fall into step again after damage, so that only holes in
    photographs can be found there.
    """
    size = _RIFF_HEADER - 4 + int.from_bytes(content[4:8], "little")
    if size > len(content):
        return True
    return any(_is_damaged_image(kind, data) for kind, data in _images(content, _RIFF_HEADER))


def frames_of_webp(content: bytes) -> int:
    """How many frames an animation says it holds; 0 for a single image."""
    return sum(kind == _FRAME for kind, _ in _chunks(content, _RIFF_HEADER))


def _images(content: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    """The chunks with coded images, also those of the frames of an animation."""
    for kind, data in _chunks(content, at):
        if kind == _FRAME:
            yield from _images(data, _FRAME_HEADER)
        elif kind in {_LOSSY, _LOSSLESS}:
            yield kind, data


def _chunks(content: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    while at + _CHUNK_HEADER <= len(content):
        kind, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        at += _CHUNK_HEADER
        yield kind, content[at : at + size]
        at += size + size % 2


def _is_damaged_image(kind: bytes, data: bytes) -> bool:
    if kind == _LOSSLESS:
        return _HOLE in data and 8 * len(data) > _BITS_OF_PHOTOGRAPHS * _pixels(data)
    if len(data) < _SMALLEST:
        return False
    return _can_be_decoded(data[:-_NEEDED]) or _can_be_decoded(_with_short_modes(data))


def _pixels(lossless: bytes) -> int:
    """Number of pixels of a lossless image, by its header."""
    sides = int.from_bytes(lossless[1:5], "little")
    return ((sides & 0x3FFF) + 1) * ((sides >> 14 & 0x3FFF) + 1)


def _with_short_modes(data: bytes) -> bytes:
    """A lossy image whose first partition, the modes of its blocks, lacks its last bytes."""
    tag = int.from_bytes(data[:3], "little")
    flags, size = tag & 0x1F, tag >> 5
    shorter = max(0, size - _NEEDED)
    end = _LOSSY_HEADER + size
    head = (shorter << 5 | flags).to_bytes(3, "little") + data[3 : _LOSSY_HEADER + shorter]
    return head + data[end:]


def _can_be_decoded(data: bytes) -> bool:
    chunk = _LOSSY + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2)
    file = b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk
    try:
        return cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR) is not None
    except cv2.error:
        return False
