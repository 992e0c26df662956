"""Image sizes: the valid range, and how users write them."""

from __future__ import annotations

import re
from typing import Final, Literal

from spikerain_edge.errors import InputError

Size = tuple[int, int]
"""Height and width in pixels."""
MIN_SIDE = 16
MAX_SIDE = 16384
AUTO: Final = "auto"
Tile = Size | Literal["auto"]
"""Height and width of a tile in pixels, or `auto` to choose them."""


def parse_size(text: str, option: str = "--imgsz") -> tuple[int, int]:
    """Parses an image size as users write it, such as the value of `--imgsz`.

    Args:
        text: width x height, such as `640x480`, or one number for a square, such as `256`.
        option: the option that it is the value of.

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
            f"write width x height, such as {option} 640x480, or one number for a square; each "
            f"side must be {MIN_SIDE} to {MAX_SIDE} pixels",
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


def parse_tile(text: str) -> Tile:
    """Parses the value of `--tile`: `auto`, or a size as `parse_size` takes it.

    Returns:
        `auto`, or height and width in pixels.

    Raises:
        InputError: the text is neither.
    """
    if text == AUTO:
        return AUTO
    width, height = parse_size(text, "--tile")
    return height, width
