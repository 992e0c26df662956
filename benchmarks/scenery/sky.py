"""The overcast sky of the demo street, with hills at the horizon."""

from __future__ import annotations

import numpy as np

from scenery.canvas import Canvas
from scenery.noise import Noise

_DARK = np.array((0.56, 0.505, 0.465), np.float32)
_BRIGHT = np.array((0.88, 0.86, 0.845), np.float32)
_HORIZON = np.array((0.77, 0.80, 0.84), np.float32)
_BLUE_HILL = np.array((0.52, 0.48, 0.44), np.float32)
_GREEN_HILL = np.array((0.34, 0.40, 0.36), np.float32)
_CEILING = 900.0


def paint_sky(canvas: Canvas, noise: Noise) -> None:
    """Paints the sky above the horizon; the clouds are a texture on a plane at 900 m."""
    image = canvas.image[canvas.sky]
    if image.size == 0:
        return
    clouds = canvas.camera.patch((0, _CEILING, 0), (1, 0, 0), (0, 0, 1), canvas.sky)
    billow = noise(clouds, (1900, 1200), 5, 1) + 0.6 * noise(clouds, (520, 420), 4, 2)
    light = np.clip(0.5 + 0.6 * billow, 0, 1)[..., None]
    far = np.clip(clouds.depth / 9000, 0, 1)[..., None]
    image[:] = _DARK + (_BRIGHT - _DARK) * light
    image += (_HORIZON - image) * far**0.6
    for distance, tall, green in ((2600.0, 190.0, 0.15), (1500.0, 95.0, 0.3), (800.0, 38.0, 0.5)):
        wall = canvas.camera.patch((0, 0, distance), (1, 0, 0), (0, 1, 0), canvas.sky)
        # So large a cell along v makes the ridge's noise a function of u alone.
        ridge = tall * (0.62 + 0.5 * noise(wall, (distance / 3, 1e9), 6, distance))
        shade = 1 + 0.16 * noise(wall, (distance / 30, distance / 60), 4, 1)
        colour = (_BLUE_HILL * (1 - green) + _GREEN_HILL * green) * shade[..., None]
        hill = wall.v < ridge
        image[hill] = colour[hill]
