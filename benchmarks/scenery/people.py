"""People of the demo street, under umbrellas."""

from __future__ import annotations

import math

import numpy as np

from scenery.camera import Points
from scenery.canvas import Canvas, Colour, Model, Polygon, scaled

_TROUSERS: Colour = (0.12, 0.11, 0.11)
_STICK: Colour = (0.2, 0.2, 0.2)
_HEAD = np.array((0.18, 0.20, 0.24))
_STEP = 0.6
_RIBS = 8


class Walker:
    """A person who walks along the street under an umbrella.

    Args:
        coat: colour of the coat.
        umbrella: colour of the umbrella.
    """

    def __init__(self, coat: Colour, umbrella: Colour) -> None:
        self._figure = Model([_figure(np.array(coat))])
        self._umbrella = Model([_umbrella(np.array(umbrella))])

    def box(self, x: float, z: float) -> Points:
        """Returns corners (4, 3) of a box around the walker at (x, 0, z) and the mirror image."""
        return np.array([(x + a, b, z - 0.7) for a in (-0.8, 0.8) for b in (-2.3, 2.3)])

    def paint(self, canvas: Canvas, x: float, z: float) -> None:
        """Draws the walker at (x, 0, z); the position of the feet depends on z."""
        swing = math.sin(math.pi * z / _STEP)
        for side, tone in ((-1, 0.8), (1, 1.0)):
            foot = (x + side * 0.08, 0.05 + 0.05 * max(0.0, side * swing), z + side * 0.2 * swing)
            canvas.stroke([(x + side * 0.07, 0.85, z), foot], 0.14, scaled(_TROUSERS, tone))
        canvas.model(self._figure, (x, 0, z))
        canvas.stroke([(x + 0.2, 1.1, z), (x + 0.1, 2.1, z)], 0.03, _STICK)
        canvas.model(self._umbrella, (x, 0, z))

    def paint_shadow(self, canvas: Canvas, x: float, z: float) -> None:
        """Darkens the ground around the feet."""
        corners = [(x - 0.4, 0, z - 0.3), (x + 0.4, 0, z - 0.3), (x + 0.4, 0, z + 0.3)]
        canvas.shade(np.array([*corners, (x - 0.4, 0, z + 0.3)], np.float64), 0.4, 0.3)


def _figure(coat: Points) -> list[Polygon]:
    """Returns coat and head as flat polygons that face the camera."""
    front = [(-0.26, 0.72), (0.26, 0.72), (0.22, 1.4), (0.1, 1.5), (-0.1, 1.5), (-0.22, 1.4)]
    shaded = [(0.08, 0.72), (0.26, 0.72), (0.22, 1.4), (0.12, 1.45)]
    turns = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    head = np.stack([0.11 * np.cos(turns), 1.62 + 0.13 * np.sin(turns)], axis=1)
    shapes = ((np.array(front), coat), (np.array(shaded), coat * 0.7), (head, _HEAD))
    return [(np.pad(shape, ((0, 0), (0, 1))), colour) for shape, colour in shapes]


def _umbrella(colour: Points) -> list[Polygon]:
    """Returns the triangles of cloth between the ribs of the umbrella."""
    middle = (0.08, 2.16, 0.0)
    cloth = []
    for rib in range(_RIBS):
        turns = 2 * np.pi * (rib + np.array((0.0, 0.5, 1.0))) / _RIBS
        rim = np.stack([0.62 * np.cos(turns), (1.86, 1.82, 1.86), 0.62 * np.sin(turns)], axis=1)
        shade = 0.85 + 0.25 * math.cos(turns[0] - 2.2)
        cloth.append((np.vstack([rim + np.array((0.08, 0, 0)), middle]), colour * shade))
    return cloth
