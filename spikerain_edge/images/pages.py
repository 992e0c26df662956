"""How many images a file says it holds, and for how long each is shown."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images.gif import durations_of_gif
from spikerain_edge.images.webp import frames_of_webp

# Browsers show frames of no duration, or of a hundredth of a second, for a tenth.
_SHORTEST, _INSTEAD = 0.011, 0.1
_ANIMATED = {"AVIF", "PNG", "WebP"}


def images_in(content: bytes, form: str) -> int:
    """How many images a file says it holds, at least; 1 where it does not say.

    Args:
        content: the whole file.
        form: its format, as `format_of` names it.
    """
    if form == "GIF":
        return max(1, len(durations_of_gif(content)))
    if form == "PNG":
        return _number_after(content[: content.find(b"IDAT")], b"acTL", 0)
    if form == "WebP":
        return max(1, frames_of_webp(content))
    if form == "AVIF":
        return _number_after(content, b"stsz", 8) if b"avis" in content[:64] else 1
    return _pages_of_tiff(content) if form == "TIFF" else 1


def durations(packed: npt.NDArray[np.uint8], form: str | None, images: int) -> list[float | None]:
    """For how many seconds each image of a file is shown; None where it is no animation.

    Args:
        packed: the whole file, uint8 (bytes,).
        form: its format, as `format_of` names it.
        images: how many images have been decoded.
    """
    seconds: list[float] = []
    if images > 1 and form == "GIF":
        # OpenCV takes frames of no duration for a second.
        seconds = durations_of_gif(packed.tobytes())
    elif images > 1 and form in _ANIMATED:
        seconds = _decoded_durations(packed)
    if len(seconds) != images:
        return [None] * images
    return [_INSTEAD if shown < _SHORTEST else shown for shown in seconds]


def _decoded_durations(packed: npt.NDArray[np.uint8]) -> list[float]:
    """Durations in seconds by the installed OpenCV, if it reads animations."""
    if not hasattr(cv2, "imdecodeanimation"):
        return []
    try:
        decoded, animation = cv2.imdecodeanimation(packed)
    except cv2.error:
        return []
    return [float(shown) / 1000 for shown in np.ravel(animation.durations)] if decoded else []


def _number_after(content: bytes, sign: bytes, skipped: int) -> int:
    at = content.find(sign)
    if at < 0:
        return 1
    start = at + len(sign) + skipped
    return max(1, int.from_bytes(content[start : start + 4], "big"))


def _pages_of_tiff(content: bytes) -> int:
    """How many directories a classic TIFF links; 1 for a BigTIFF."""
    order: Literal["little", "big"] = "little" if content[:1] == b"I" else "big"
    if content[2:4] not in {b"*\0", b"\0*"}:
        return 1
    at = int.from_bytes(content[4:8], order)
    seen: set[int] = set()
    while at and at not in seen and at + 2 <= len(content):
        seen.add(at)
        entries = int.from_bytes(content[at : at + 2], order)
        following = at + 2 + 12 * entries
        at = int.from_bytes(content[following : following + 4], order)
    return max(1, len(seen))
