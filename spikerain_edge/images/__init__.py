"""Images in memory and on disk: reading, rainy and clean pairs, quality. Needs no torch."""

import numpy as np
import numpy.typing as npt

__all__ = ["Image"]

Image = npt.NDArray[np.uint8]
"""An image (H, W, 3) uint8 in OpenCV's order: blue, green, red."""
