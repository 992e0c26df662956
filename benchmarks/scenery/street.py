"""The demo street: positions of all objects, and the image without moving objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from scenery.camera import Camera
from scenery.canvas import Canvas, Colour
from scenery.cars import HATCHBACK, SEDAN, VAN, Body, Car
from scenery.facades import Building, Mason
from scenery.furniture import (
    paint_bollard,
    paint_church,
    paint_lamp,
    paint_sign,
)
from scenery.ground import paint_ground
from scenery.noise import Noise
from scenery.plants import Hedge, Tree, paint_hedge, paint_tree
from scenery.sky import paint_sky
from spikerain_edge.images import Image

_GREEN: Colour = (0.23, 0.40, 0.34)
_OLIVE: Colour = (0.21, 0.42, 0.42)
_AMBER: Colour = (0.19, 0.40, 0.50)
_DARK: Colour = (0.24, 0.36, 0.29)

_BUILDINGS = (
    Building(-9.5, 9, 25, 13.6, (0.42, 0.50, 0.58), shop=(0.20, 0.32, 0.18)),
    Building(-9.5, 25.2, 38, 10.6, (0.25, 0.30, 0.46), True, 3.4, (0.16, 0.14, 0.46)),
    Building(-9.5, 38.2, 54, 14.0, (0.53, 0.58, 0.59), False, 2.6, (0.46, 0.30, 0.14)),
    Building(-9.5, 54.2, 68, 11.0, (0.36, 0.41, 0.45), True, 3.0),
    Building(-9.5, 75, 96, 15.5, (0.44, 0.50, 0.58), False, 2.5),
    Building(-9.5, 97, 130, 12.0, (0.40, 0.44, 0.50), False, 3.0),
    Building(13.5, 35, 50, 10.8, (0.44, 0.53, 0.61), False, 3.2),
    Building(13.5, 51, 70, 13.6, (0.29, 0.33, 0.46), True, 2.8),
    Building(11.5, 84, 104, 12.5, (0.46, 0.50, 0.52), False, 3.0),
    Building(11.5, 105, 140, 16.0, (0.44, 0.47, 0.50), False, 2.0),
)
_TREES = (
    Tree(8.4, 25, 6.4, _GREEN, 1),
    Tree(8.4, 36, 7.2, _AMBER, 2),
    Tree(8.4, 49, 7.0, _OLIVE, 3),
    Tree(8.4, 62, 7.4, _GREEN, 4),
    Tree(8.4, 76, 7.2, _AMBER, 5),
    Tree(8.4, 92, 7.0, _OLIVE, 6),
    Tree(8.4, 112, 7.0, _GREEN, 7),
    Tree(15.5, 21, 7.6, _DARK, 8),
    Tree(16.5, 30, 9.0, _OLIVE, 9),
    Tree(21.0, 33, 10.0, _DARK, 10),
    Tree(-7.0, 71.5, 7.4, _OLIVE, 11),
    Tree(-7.0, 90, 7.2, _GREEN, 12),
    Tree(-7.0, 112, 7.2, _AMBER, 13),
    Tree(-5.0, 172, 11.0, _DARK, 14),
    Tree(4.0, 180, 12.0, _GREEN, 15),
    Tree(12.0, 168, 10.0, _OLIVE, 16),
    Tree(-13.0, 165, 12.0, _GREEN, 17),
)
_HEDGES = (Hedge(10.3, 13.0, 33.5, 21),)
_CHURCHES = ((-6.0, 230.0),)
_LAMPS = ((-6.9, 30.0), (6.9, 43.0), (-6.9, 62.0), (6.9, 82.0), (-6.9, 94.0), (6.9, 120.0))
_SIGNS = ((7.0, 20.2),)
_BOLLARDS = tuple((6.65, z) for z in (12.4, 14.1, 15.8, 22.0, 23.7))
_PARKED: tuple[tuple[Body, Colour, float], ...] = (
    (SEDAN, (0.46, 0.47, 0.48), 26.0),
    (HATCHBACK, (0.11, 0.11, 0.42), 32.2),
    (VAN, (0.60, 0.61, 0.60), 44.3),
    (HATCHBACK, (0.33, 0.19, 0.11), 50.3),
    (SEDAN, (0.10, 0.10, 0.10), 62.0),
)
_PARKED_X = 5.0


def render_street(height: int, width: int, seed: int) -> Image:
    """Returns the street without moving objects, (height, width, 3) uint8 BGR."""
    noise = Noise(seed)
    mason = Mason(noise)
    view = Camera.of_size(height, width)
    scale = float(np.clip(np.sqrt(2e6 / (height * width)), 1, 2))
    # A wet street blurs what it reflects, so half of the picture's resolution is plenty.
    mirror = Canvas.blank(dataclasses.replace(view.zoomed(0, 0, height, width, 0.5), mirrored=True))
    paint_sky(mirror, noise)
    _paint_standing(mirror, mason)
    blurred = cv2.blur(mirror.image, (max(1, width // 320), max(1, height // 26)))

    canvas = Canvas.blank(view.zoomed(0, 0, height, width, scale))
    size = (canvas.camera.width, canvas.camera.height)
    paint_sky(canvas, noise)
    paint_ground(canvas, cv2.resize(blurred, size), noise)  # type: ignore[arg-type]
    _paint_standing(canvas, mason)
    picture = cv2.resize(canvas.image, (width, height), interpolation=cv2.INTER_AREA)
    street: Image = np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8)
    return street


def _paint_standing(canvas: Canvas, mason: Mason) -> None:
    """Draws all objects on the ground, the farthest first."""
    things: list[tuple[float, Callable[[], None]]] = []
    things += [(z, partial(paint_church, canvas, x, z)) for x, z in _CHURCHES]
    things += [(house.near, partial(mason.build, canvas, house)) for house in _BUILDINGS]
    things += [(tree.z, partial(paint_tree, canvas, tree)) for tree in _TREES]
    things += [(hedge.near, partial(paint_hedge, canvas, hedge)) for hedge in _HEDGES]
    things += [(z, partial(paint_lamp, canvas, x, z)) for x, z in _LAMPS]
    things += [(z, partial(paint_sign, canvas, x, z)) for x, z in _SIGNS]
    things += [(z, partial(paint_bollard, canvas, x, z)) for x, z in _BOLLARDS]
    for body, colour, z in _PARKED:
        car = Car(body, colour, away=True, lit=False)
        things.append((z, partial(_park, canvas, car, z)))
    for _, paint in sorted(things, key=lambda thing: -thing[0]):
        paint()


def _park(canvas: Canvas, car: Car, z: float) -> None:
    if not canvas.camera.mirrored:
        car.paint_shadow(canvas, _PARKED_X, z)
    car.paint(canvas, _PARKED_X, z)
