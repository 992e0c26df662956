"""Finds damage in JPEG files, which decoders fill with grey and do not report."""

from __future__ import annotations

import re

import simplejpeg

# A marker of a JPEG that is neither an escaped byte of the coded data nor a restart marker.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_END, _SCAN = 0xD9, 0xDA
# Some cameras write a few extra bytes before the end marker.
_EXTRA = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_MOST_EXTRA = 64
# The colours of a JPEG, and those in which it is decoded fastest.
_DECODED_AS = {"Gray": "GRAY", "YCbCr": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "YCCK": "CMYK"}


def first_jpeg(content: bytes) -> bytes | None:
    """Returns the first JPEG in a file without trailing data; None if its end is missing."""
    at = 2
    while marker := _MARKER.search(content, at):
        code, at = marker[1][0], marker.end()
        if code == _END:
            return content[:at]
        if code == _SCAN or code == 0x01:
            continue
        at += int.from_bytes(content[at : at + 2], "big")
    return None


def is_damaged_jpeg(content: bytes) -> bool:
    """Whether a JPEG ends early or its decoder reports damage.

    Args:
        content: the whole file; what follows the first JPEG does not matter.
    """
    jpeg = first_jpeg(content)
    if jpeg is None:
        return True
    try:
        _, _, colours, _ = simplejpeg.decode_jpeg_header(jpeg, strict=False)
    except (KeyError, ValueError):
        # This decoder does not support the kind of JPEG or its colour space.
        return False
    if colours not in _DECODED_AS:
        return False
    try:
        # Decoding to the smallest size is fast and still reads all of the coded data.
        simplejpeg.decode_jpeg(jpeg, _DECODED_AS[colours], fastdct=True, min_height=1, min_width=1)
    except ValueError as error:
        return _reports_damage(str(error))
    return False


def _reports_damage(warning: str) -> bool:
    """Whether a warning of libjpeg reports damage and not just an unusual file."""
    extra = _EXTRA.search(warning)
    if extra:
        return int(extra[1]) > _MOST_EXTRA
    return "Corrupt JPEG data" in warning or "Premature end" in warning
