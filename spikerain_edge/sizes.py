"""Sizes of images: which are valid, and how users write them."""

from __future__ import annotations

import re

from spikerain_edge.errors import InputError

Size = tuple[int, int]
"""Height and width in pixels."""
MIN_SIDE = 16
MAX_SIDE = 16384


def parse_size(text: str) -> tuple[int, int]:
    """Reads the size of an image, as `--imgsz` of every command takes it.

    Args:
        text: `640x480`, width x height, or `256` for a square.

    Returns:
        Width and height in pixels.

    Raises:
        InputError: the text is not a size, or a side is too small or too large.
    """
    found = re.fullmatch(r"(\d{1,5})(?:[xX](\d{1,5}))?", text, re.ASCII)
    width, height = (int(side or found[1]) for side in found.groups()) if found else (0, 0)
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in (width, height)):
        raise InputError(
            f"{text!r} is not a valid image size",
            "write width x height, such as --imgsz 640x480, or one number for a square; each side "
            f"is {MIN_SIDE} to {MAX_SIDE}",
        )
    return width, height


def parse_shape(text: str) -> tuple[int, int]:
    """Reads a size as `parse_size` does and returns it as arrays have it: height, then width.

    Raises:
        InputError: the text is not a valid size.
    """
    width, height = parse_size(text)
    return height, width
