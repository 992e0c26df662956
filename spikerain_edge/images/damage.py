"""Finds damage in image files that decoders fill with grey or black and do not report."""

from __future__ import annotations

import io
import re
import warnings

import simplejpeg

from spikerain_edge.images.webp import is_damaged_webp

# A marker of a JPEG that is neither an escaped byte of the coded data nor a restart marker.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_END, _SCAN = 0xD9, 0xDA
# Some cameras write a few extra bytes before the end marker.
_EXTRA = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_MOST_EXTRA = 64


def is_damaged(content: bytes, form: str) -> bool:
    """Whether an image file has damage that its decoder does not report.

    Decoders check the checksums of PNG themselves, but OpenCV allocates as many bytes as a chunk
    claims to have, so lengths of chunks are checked here.

    Args:
        content: the whole file.
        form: name of its format, as `format_of` returns it.
    """
    if form == "JPEG":
        return _is_damaged_jpeg(content)
    if form == "TIFF":
        return _is_damaged_tiff(content)
    if form == "PNG":
        return _is_cut_off_png(content)
    return form == "WebP" and is_damaged_webp(content)


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


def _is_damaged_jpeg(content: bytes) -> bool:
    jpeg = first_jpeg(content)
    if jpeg is None:
        return True
    try:
        _, _, colours, _ = simplejpeg.decode_jpeg_header(jpeg, strict=False)
    except (KeyError, ValueError):
        # This decoder does not support the kind of JPEG or its colour space.
        return False
    if colours not in {"Gray", "YCbCr"}:
        return False
    try:
        # Decoding to the smallest size is fast and still reads all of the coded data.
        simplejpeg.decode_jpeg(jpeg, "GRAY", fastdct=True, min_height=1, min_width=1)
    except ValueError as error:
        return _reports_damage(str(error))
    return False


def _reports_damage(warning: str) -> bool:
    """Whether a warning of libjpeg reports damage and not just an unusual file."""
    extra = _EXTRA.search(warning)
    if extra:
        return int(extra[1]) > _MOST_EXTRA
    return "Corrupt JPEG data" in warning or "Premature end" in warning


def _is_cut_off_png(content: bytes) -> bool:
    """Whether a chunk of a PNG is longer than the rest of the file."""
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
    # Importing Pillow takes a tenth of a second, which only TIFF files need.
    from PIL import Image as Pillow
    from PIL import ImageSequence

    # Pillow raises these for an unsupported kind of TIFF and for pages that are too large.
    unsupported = (ValueError, SyntaxError, LookupError, TypeError, Pillow.DecompressionBombError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Pillow.open(io.BytesIO(content), formats=["TIFF"])
        except (OSError, *unsupported):
            return False
        try:
            for page in ImageSequence.Iterator(image):
                page.load()
        except (OSError, *unsupported):
            return True
    return False
