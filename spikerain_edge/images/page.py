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
    """

    image: Image
    alpha: Image | None = None
    profile: bytes | None = None
