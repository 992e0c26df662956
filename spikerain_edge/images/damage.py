"""Finds damage in image files that decoders fill with grey or black without an error."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator

import simplejpeg

# Everything in the coded data of a JPEG that is a marker: not an escaped byte, not a restart.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_END, _SCAN = 0xD9, 0xDA
# Coded data of lossless WebP never holds that many zero bytes in a row; a hole in a file does.
_HOLE = bytes(64)
# Some cameras write a few bytes too many before the end.
_EXTRA = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_MOST_EXTRA = 64


def is_damaged(content: bytes, form: str) -> bool:
    """Whether an image file has damage that its decoder would pass over.

    PNG and the like have checksums, which decoders check themselves, but OpenCV makes room for
    as many bytes as a chunk of a PNG announces.

    Args:
        content: the whole file.
        form: its format, as `format_of` names it.
    """
    if form == "JPEG":
        return _is_damaged_jpeg(content)
    if form == "TIFF":
        return _is_damaged_tiff(content)
    if form == "PNG":
        return _is_cut_off_png(content)
    return form == "WebP" and any(_HOLE in coded for coded in _lossless_parts(content))


def first_jpeg(content: bytes) -> bytes | None:
    """The first JPEG of a file, without what phones put after it; None if it is cut off."""
    at = 2
    while marker := _MARKER.search(content, at):
        code, at = marker[1][0], marker.end()
        if code == _END:
            return content[:at]
        if code == _SCAN or code == 0x01:
            continue
        at += int.from_bytes(content[at : at + 2], "big")
    return None


def _is_damaged_jpeg(content: bytes) -> bool:
    jpeg = first_jpeg(content)
    if jpeg is None:
        return True
    try:
        _, _, colours, _ = simplejpeg.decode_jpeg_header(jpeg, strict=False)
    except (KeyError, ValueError):
        # A kind of JPEG, or a space of colours, that this decoder does not know.
        return False
    if colours not in {"Gray", "YCbCr"}:
        return False
    try:
        # Of the smallest size: what counts is whether the coded data is whole.
        simplejpeg.decode_jpeg(jpeg, "GRAY", fastdct=True, min_height=1, min_width=1)
    except ValueError as error:
        return _tells_damage(str(error))
    return False


def _tells_damage(warning: str) -> bool:
    """Whether a warning of libjpeg is about damage, not about an oddity."""
    extra = _EXTRA.search(warning)
    if extra:
        return int(extra[1]) > _MOST_EXTRA
    return "Corrupt JPEG data" in warning or "Premature end" in warning


def _is_cut_off_png(content: bytes) -> bool:
    """Whether a chunk before the last is longer than what is left of the file."""
    at = 8
    while at < len(content):
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        at += 12 + size
        if at > len(content):
            return True
        if kind == b"IEND":
            break
    return False


def _is_damaged_tiff(content: bytes) -> bool:
    # A tenth of a second that only runs on TIFF shall wait for.
    from PIL import Image as Pillow
    from PIL import ImageSequence

    # About a kind of TIFF that Pillow does not know, or a page that is too large for it.
    unknown = (ValueError, SyntaxError, LookupError, TypeError, Pillow.DecompressionBombError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Pillow.open(io.BytesIO(content), formats=["TIFF"])
        except (OSError, *unknown):
            return False
        try:
            for page in ImageSequence.Iterator(image):
                page.load()
        except (OSError, *unknown):
            return True
    return False


def _lossless_parts(webp: bytes) -> Iterator[bytes]:
    """The losslessly coded images of a WebP file; damage in lossy ones cannot be told."""
    at = 12
    while at + 8 <= len(webp):
        size = int.from_bytes(webp[at + 4 : at + 8], "little")
        if webp[at : at + 4] == b"VP8L":
            yield webp[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
