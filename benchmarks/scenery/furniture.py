"""Lamp posts, signs, bollards and the church at the end of the demo street."""

from __future__ import annotations

import math

import numpy as np

from scenery.camera import Points, Vector
from scenery.canvas import Canvas, Colour, scaled

_STEEL: Colour = (0.23, 0.24, 0.24)
_ZINC: Colour = (0.45, 0.46, 0.46)
_LAMP: Colour = (0.66, 0.88, 1.0)
_WHITE: Colour = (0.82, 0.83, 0.83)
_BLUE: Colour = (0.55, 0.28, 0.08)
_BLACK: Colour = (0.08, 0.08, 0.08)
_STONE: Colour = (0.42, 0.43, 0.44)
_COPPER: Colour = (0.42, 0.46, 0.33)


def paint_lamp(canvas: Canvas, x: float, z: float) -> None:
    """Draws a lit street lamp that stands at (x, 0, z) and leans over the street."""
    inward = -math.copysign(1.0, x)
    canvas.stroke([(x, 0, z), (x, 0.9, z)], 0.22, _STEEL)
    canvas.stroke([(x, 0.9, z), (x, 7.2, z)], 0.13, _STEEL)
    canvas.stroke([(x - 0.03, 0.1, z), (x - 0.03, 7.2, z)], 0.03, _ZINC)
    bend = np.linspace(0, math.pi / 2, 8).tolist()
    arm: list[Vector] = [
        (x + inward * 1.6 * (1 - math.cos(turn)), 7.2 + 0.7 * math.sin(turn), z) for turn in bend
    ]
    canvas.stroke(arm, 0.09, _STEEL)
    canvas.stroke([arm[-1], (x + inward * 2.3, 7.9, z)], 0.2, _STEEL)
    middle = x + inward * 1.95
    canvas.stroke([(middle - 0.25, 7.76, z), (middle + 0.25, 7.78, z)], 0.11, _LAMP)
    canvas.glow((middle, 7.74, z), 0.22, _LAMP, 0.8)
    canvas.glow((middle, 7.74, z), 1.0, _LAMP, 0.16)


def paint_sign(canvas: Canvas, x: float, z: float) -> None:
    """Draws a pedestrian crossing sign: a blue square with a white triangle and a walker."""
    front = z - 0.05
    canvas.stroke([(x, 0, z), (x, 3.3, z)], 0.07, _ZINC)
    for half, colour in ((0.42, _WHITE), (0.38, _BLUE)):
        canvas.polygon(_square(x, 2.9, front, half), colour)
    triangle = [(x - 0.3, 2.64, front), (x + 0.3, 2.64, front), (x, 3.18, front)]
    canvas.polygon(np.array(triangle), _WHITE)
    canvas.stroke([(x, 2.98, front), (x - 0.02, 2.82, front)], 0.07, _BLACK)
    for foot in (-0.1, 0.09):
        canvas.stroke([(x, 2.84, front), (x + foot, 2.68, front)], 0.05, _BLACK)


def paint_bollard(canvas: Canvas, x: float, z: float) -> None:
    """Draws a steel bollard with a white ring."""
    canvas.stroke([(x, 0, z), (x, 0.95, z)], 0.13, _STEEL)
    canvas.stroke([(x - 0.03, 0, z), (x - 0.03, 0.9, z)], 0.03, _ZINC)
    canvas.stroke([(x, 0.72, z), (x, 0.80, z)], 0.14, _WHITE)


def paint_church(canvas: Canvas, x: float, z: float) -> None:
    """Draws a church tower with a green copper spire."""
    canvas.polygon(_box_front(x - 16, x + 2, 0, 11, z), scaled(_STONE, 0.95))
    roof = [(x - 17, 11, z), (x + 2, 11, z), (x + 2, 18, z), (x - 14, 18, z)]
    canvas.polygon(np.array(roof), (0.27, 0.27, 0.31))
    canvas.polygon(_box_front(x - 3.4, x + 3.4, 0, 26, z), _STONE)
    canvas.polygon(_box_front(x + 1, x + 3.4, 0, 26, z), scaled(_STONE, 0.8))
    for left in (x - 1.8, x - 0.4):
        canvas.polygon(_box_front(left, left + 0.9, 19, 23, z), scaled(_STONE, 0.35))
    canvas.polygon(np.array([(x - 3.8, 26, z), (x + 3.8, 26, z), (x, 44, z)]), _COPPER)
    shadow = [(x + 0.9, 26, z), (x + 3.8, 26, z), (x, 44, z)]
    canvas.polygon(np.array(shadow), scaled(_COPPER, 0.8))


def _square(x: float, y: float, z: float, half: float) -> Points:
    return _box_front(x - half, x + half, y - half, y + half, z)


def _box_front(left: float, right: float, low: float, high: float, z: float) -> Points:
    """Corners (4, 3) of an upright rectangle that faces the camera."""
    return np.array([(left, low, z), (right, low, z), (right, high, z), (left, high, z)])
