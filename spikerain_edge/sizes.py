"""Image sizes: the valid range, and how users write them."""

from __future__ import annotations

import re

from spikerain_edge.errors import InputError

Size = tuple[int, int]
"""Height and width in pixels."""
MIN_SIDE = 16
MAX_SIDE = 16384


def parse_size(text: str) -> tuple[int, int]:
    """Parses an image size as users write it, such as the value of `--imgsz`.

    Args:
        text: width x height, such as `640x480`, or one number for a square, such as `256`.

    Returns:
        Width and height in pixels.

    Raises:
        InputError: the text is not a size, or a side is not between 16 and 16384.
    """
    found = re.fullmatch(r"(\d{1,5})(?:[xX](\d{1,5}))?", text, re.ASCII)
    width, height = (int(side or found[1]) for side in found.groups()) if found else (0, 0)
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in (width, height)):
        raise InputError(
            f"{text!r} is not a valid image size",
            "write width x height, such as --imgsz 640x480, or one number for a square; each side "
            f"must be {MIN_SIDE} to {MAX_SIDE} pixels",
        )
    return width, height


def parse_shape(text: str) -> tuple[int, int]:
    """Parses an image size like `parse_size`, but returns it in the order of array axes.

    Returns:
        Height and width in pixels.

    Raises:
        InputError: the text is not a valid size.
    """
    width, height = parse_size(text)
    return height, width
