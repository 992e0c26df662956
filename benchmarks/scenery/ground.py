"""The ground of the demo street: wet asphalt with markings, pavements and grass."""

from __future__ import annotations

import numpy as np

from scenery.camera import Layer, Patch
from scenery.canvas import HAZE, Canvas, hazy
from scenery.noise import Noise

_KERBS = (-5.6, 6.2)
_WALKS = (-9.5, 9.6)
_BAYS = 3.4
_WHEELS = (-2.6, -1.0, 0.9, 2.5)
_MENDED = (
    (-3.3, -0.5, 24.0, 30.5, 0.74),
    (1.3, 2.9, 34.0, 52.0, 0.82),
    (2.6, 4.9, 13.2, 15.4, 0.8),
)
_COVERS = ((-1.2, 22.6), (2.4, 40.0), (-2.0, 60.0), (0.6, 14.2))
_DRAINS = ((-5.3, 14.6), (5.9, 20.6), (-5.3, 44.0))
_PAINT = np.array((0.66, 0.70, 0.71), np.float32)
_ASPHALT = np.array((0.225, 0.218, 0.212), np.float32)
_SLABS = np.array((0.40, 0.42, 0.435), np.float32)
_STRAW = np.array((0.02, 0.06, 0.12), np.float32)
_GRASS = np.array((0.13, 0.25, 0.205), np.float32)


def paint_ground(canvas: Canvas, reflection: Layer, noise: Noise) -> None:
    """Paints everything below the horizon.

    Args:
        canvas: canvas to paint on.
        reflection: mirror image of the scene in the street, (H, W, 3) float32.
        noise: texture.
    """
    image = canvas.image[canvas.ground]
    patch = canvas.camera.patch((0, 0, 0), (1, 0, 0), (0, 0, 1), canvas.ground)
    x = patch.u
    road = (x > _KERBS[0]) & (x < _KERBS[1])
    paved = (x > _WALKS[0]) & (x < _WALKS[1])
    image[:] = _grass(patch, noise)
    image[paved] = _pavement(patch, noise)[paved]
    image[road] = _road(patch, noise)[road]
    _kerbs(patch, noise, image)

    height = canvas.camera.position[1]
    steep = height / np.sqrt(x * x + patch.v * patch.v + height * height)
    damp = np.clip(0.5 + 0.8 * noise(patch, (1.6, 5.0), 4, 3), 0.04, 1)
    damp = np.where(road, np.clip(damp + 0.35 * _tracks(x), 0, 1), 0.45 * damp) * paved
    # Schlick's approximation of how much a film of water mirrors at this angle.
    mirrored = np.clip((0.03 + 0.97 * (1 - steep) ** 4.5) * damp, 0, 0.75)[..., None]
    image *= (1 - 0.25 * damp)[..., None] * (1 - mirrored)
    image += reflection[canvas.ground] * mirrored
    image[:] = hazy(image, patch.depth)
    image += (np.array(HAZE, np.float32) - image) * np.clip(patch.v / 150 - 1.6, 0, 1)[..., None]


def _tracks(x: Layer) -> Layer:
    """Returns the strength of the wheel tracks at positions across the road, 0 to 1."""
    tracks: Layer = np.add.reduce([np.exp(-(((x - wheel) / 0.26) ** 2)) for wheel in _WHEELS])
    return tracks


def _road(patch: Patch, noise: Noise) -> Layer:
    x, z = patch.u, patch.v
    shade = 1 + 0.20 * noise(patch, 4.0, 4, 1) + 0.20 * noise(patch, 0.10, 1, 2)
    shade += 0.28 * noise(patch, 0.045, 1, 3) + 0.08 * noise(patch, (0.5, 14.0), 3, 5)
    shade -= 0.13 * _tracks(x)
    for left, right, near, far, tone in _MENDED:
        inside = np.minimum(np.minimum(x - left, right - x), np.minimum(z - near, far - z))
        shade[inside > 0] *= tone
        shade[np.abs(inside) < 0.05] *= 0.75
    crack = np.abs(noise(patch, (2.6, 3.4), 2, 7) + 0.1 * noise(patch, 0.3, 2, 6))
    shade *= 1 - 0.4 * np.clip(1.6 - crack / 0.016, 0, 1) * np.clip(1.5 - patch.dv / 0.08, 0, 1)
    for left, near in _COVERS:
        distance = np.hypot(x - left, z - near)
        lid = (distance < 0.34) & (((x - left) * 9 % 1 > 0.3) | (distance > 0.28))
        shade[lid] *= 0.6
        shade[np.abs(distance - 0.37) < 0.035] *= 1.45
    for left, near in _DRAINS:
        across, along = np.abs(x - left), np.abs(z - near)
        grate = (across < 0.2) & (along < 0.3)
        shade[grate] = np.where((z[grate] - near) * 10 % 1 < 0.5, 0.25, 1.2)
    worn = np.clip(0.8 + 0.5 * noise(patch, 0.35, 4, 4) - 0.25 * _tracks(x), 0.12, 1)
    paint = (_markings(x, z) * worn)[..., None]
    asphalt = _ASPHALT * shade[..., None]
    road: Layer = asphalt + (_PAINT * (0.9 + 0.1 * shade[..., None]) - asphalt) * paint
    return road


def _markings(x: Layer, z: Layer) -> Layer:
    """Returns a mask of the road markings, 0 or 1."""
    dash = (np.abs(x) < 0.07) & (np.floor(z / 3.0) % 3 < 1) & (z > 24)
    edge = (np.abs(x - _BAYS) < 0.06) & (z > 22)
    bays = (np.abs((z % 6.0) - 5.2) < 0.06) & (x > _BAYS) & (x < _KERBS[1] - 0.2) & (z > 22)
    bars = (np.floor((x - _KERBS[0]) / 0.5) % 2 > 0) & (z > 16.2) & (z < 19.4)
    crossing = bars & (x > _KERBS[0] + 0.4) & (x < _KERBS[1] - 0.4)
    stop = (np.abs(z - 21.2) < 0.2) & (x > _KERBS[0] + 0.5) & (x < -0.1)
    painted: Layer = (dash | edge | bays | crossing | stop).astype(np.float32)
    return painted


def _kerbs(patch: Patch, noise: Noise, image: Layer) -> None:
    """Sets kerb stones into `image` (h, w, 3) and darkens the gutters."""
    stones = _SLABS * (1.12 + 0.14 * noise(patch, 0.4, 3))[..., None]
    joints = (patch.v % 1.0 < 0.04) & (patch.dv < 0.1)
    stones[joints] *= 0.7
    for kerb in _KERBS:
        inwards = (patch.u - kerb) * -np.sign(kerb)
        gutter = np.exp(-(((inwards - 0.28) / 0.2) ** 2)) * (inwards > 0.14)
        image *= (1 - 0.35 * gutter)[..., None]
        stone = np.abs(inwards) < 0.14
        image[stone] = stones[stone]


def _pavement(patch: Patch, noise: Noise) -> Layer:
    """Returns the colours of square slabs of 0.6 m; every slab has another shade."""
    column, row = np.floor(patch.u / 0.6), np.floor(patch.v / 0.6)
    joint = (patch.u / 0.6 - column < 0.05) | (patch.v / 0.6 - row < 0.06)
    sharp = np.clip(1.5 - patch.dv / 0.25, 0, 1)
    tint = np.sin(column * 12.9898 + row * 78.233) * 43758.5453
    shade = 1 + 0.18 * (tint - np.floor(tint) - 0.5) * sharp
    shade = shade + 0.18 * noise(patch, 3.0, 5, 8) + 0.14 * noise(patch, 0.08, 2, 2)
    shade -= 0.3 * np.exp(-np.abs(patch.u - _WALKS[0]) / 0.35)
    slabs: Layer = _SLABS * (shade * (1 - 0.35 * joint * sharp))[..., None]
    return slabs


def _grass(patch: Patch, noise: Noise) -> Layer:
    shade = 1 + 0.3 * noise(patch, 4.0, 4, 6) + 0.35 * noise(patch, (0.12, 0.3), 2, 1)
    shade += 0.25 * noise(patch, (0.05, 0.12), 1, 4)
    dry = np.clip(noise(patch, 2.4, 4, 9), 0, 1)[..., None]
    grass: Layer = (_GRASS + dry * _STRAW) * shade[..., None]
    return grass
