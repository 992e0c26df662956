"""Finds damage in image files that decoders fill with grey or black and do not report."""

from __future__ import annotations

from spikerain_edge.images.gif import is_damaged_gif
from spikerain_edge.images.jpeg import is_damaged_jpeg
from spikerain_edge.images.png import is_damaged_png
from spikerain_edge.images.tiff import is_damaged_tiff
from spikerain_edge.images.webp import is_damaged_webp

_CHECKS = {
    "GIF": is_damaged_gif,
    "JPEG": is_damaged_jpeg,
    "PNG": is_damaged_png,
    "TIFF": is_damaged_tiff,
    "WebP": is_damaged_webp,
}


def is_damaged(content: bytes, form: str) -> bool:
    """Whether an image file has damage that its decoder does not report.

    Args:
        content: the whole file.
        form: name of its format, as `format_of` returns it.
    """
    check = _CHECKS.get(form)
    return check is not None and check(content)
