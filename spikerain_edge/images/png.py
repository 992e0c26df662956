"""Finds damage in PNG files; OpenCV does not check all checksums of an animation."""

from __future__ import annotations

import io
import zlib
from contextlib import suppress

import numpy as np

from spikerain_edge.images import Image

_TRANSPARENT_COLOUR = b"tRNS"
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


def opacity_by_colour(content: bytes) -> Image | None:
    """The opacity (H, W) of a PNG with a transparent colour, of which OpenCV reads none.

    Args:
        content: the whole file.

    Returns:
        The opacity, uint8; None if no colour is transparent.
    """
    if _TRANSPARENT_COLOUR not in content[: content.find(b"IDAT")]:
        return None
    # A tenth of a second that only these images wait for.
    from PIL import Image as Pillow

    with (
        suppress(OSError, ValueError, Pillow.DecompressionBombError),
        Pillow.open(io.BytesIO(content), formats=["PNG"]) as image,
    ):
        alpha = np.asarray(image.convert("RGBA"), np.uint8)[..., 3]
        return None if alpha.min() == 255 else np.ascontiguousarray(alpha)
    return None
