"""Finds damage in TIFF files, which decoders fill with black and do not report."""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

from spikerain_edge.images.jpeg import is_damaged_jpeg

# Numbers of tags and of methods of compression.
_METHOD, _TABLES = 259, 347
_PLACES = ((273, 279), (324, 325))
_DEFLATE, _JPEG = {8, 32946}, 7
_PIECE = 1 << 20


def is_damaged_tiff(content: bytes) -> bool:
    """Whether a page of a TIFF cannot be decoded or does not match its checksums.

    Args:
        content: the whole file.
    """
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
                if any(_is_damaged_part(part, page.tag_v2) for part in _parts(content, page)):
                    return True
        except (OSError, *unsupported):
            return True
    return False


def _parts(content: bytes, page: Any) -> Iterator[bytes]:
    """The coded strips or tiles of a page."""
    for places, sizes in _PLACES:
        pairs = zip(page.tag_v2.get(places, ()), page.tag_v2.get(sizes, ()), strict=False)
        yield from (content[at : at + size] for at, size in pairs)


def _is_damaged_part(part: bytes, tags: Any) -> bool:
    method = tags.get(_METHOD)
    if method in _DEFLATE:
        return not _matches_checksum(part)
    if method == _JPEG:
        # Tables that the parts share stand between the markers of an image of their own.
        return is_damaged_jpeg(tags.get(_TABLES, b"\xff\xd8\xff\xd9")[:-2] + part[2:])
    return False


def _matches_checksum(part: bytes) -> bool:
    decoder = zlib.decompressobj()
    try:
        decoder.decompress(part, _PIECE)
        while not decoder.eof and decoder.unconsumed_tail:
            decoder.decompress(decoder.unconsumed_tail, _PIECE)
    except zlib.error:
        return False
    return decoder.eof
