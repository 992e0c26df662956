"""One image of a file that may contain several."""

from __future__ import annotations

from dataclasses import dataclass

from spikerain_edge.images import Image


@dataclass(frozen=True)
class Page:
    """One image of a file that may contain several.

    Attributes:
        image: the image, uint8 (H, W, 3) BGR.
        alpha: opacity, uint8 (H, W); None if the image is opaque.
        profile: ICC profile of its colours; None if the file has none.
        duration: for how many seconds an animation shows it; None if it is no animation.
    """

    image: Image
    alpha: Image | None = None
    profile: bytes | None = None
    duration: float | None = None
