"""Images in memory and on disk: reading, rainy and clean pairs, quality measures."""

import numpy as np
import numpy.typing as npt

__all__ = ["Image"]

Image = npt.NDArray[np.uint8]
"""An image, uint8 (H, W, 3), channels in OpenCV's order: blue, green, red."""
