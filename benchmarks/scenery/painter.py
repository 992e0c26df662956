"""Paints the frames of the demo camera."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from scenery.camera import Camera
from scenery.canvas import Canvas
from scenery.street import render_street
from scenery.traffic import Mover, traffic
from spikerain_edge.images import Image

_FINEST = 500


class StreetPainter:
    """Paints the view of a fixed camera along a street in the evening.

    The constructor paints everything that does not move; `paint` adds cars and walkers.

    Args:
        height: rows of a frame.
        width: columns of a frame.
        seed: seed of textures and grain.
    """

    def __init__(self, height: int = 360, width: int = 640, seed: int = 7) -> None:
        self._camera = Camera.of_size(height, width)
        self._street = render_street(height, width, seed)
        self._contrast = _contrast()
        self._gain = _vignette(height, width)
        self._brighter, self._darker = _grain(height, width, seed)
        self._movers = traffic()

    def paint(self, index: int) -> Image:
        """Returns frame `index`, (H, W, 3) uint8 BGR."""
        frame = self._street.copy()
        for mover in sorted(self._movers, key=lambda mover: -mover.z(index)):
            self._draw(frame, mover, index)
        return self._develop(frame)

    def _draw(self, frame: Image, mover: Mover, index: int) -> None:
        """Draws a mover with its reflection into `frame` (H, W, 3)."""
        z, opacity = mover.z(index), mover.opacity(index)
        pixels, depth = self._camera.project(mover.shape.box(mover.x, z))
        if depth.min() < 0.5:
            return
        limit = (self._camera.width, self._camera.height)
        left, top = np.clip(np.floor(pixels.min(0)), 0, limit).astype(int).tolist()
        right, low = np.clip(np.ceil(pixels.max(0)), 0, limit).astype(int).tolist()
        if right <= left or low <= top:
            return
        part = frame[top:low, left:right]
        scale = int(np.clip(_FINEST / max(part.shape), 1, 3))
        camera = self._camera.zoomed(left, top, low - top, right - left, scale)
        # Repeated pixels that nothing is drawn on come out of the shrinking as they went in.
        size = (camera.width, camera.height)
        fine = cv2.resize(part, size, interpolation=cv2.INTER_NEAREST).astype(np.float32)
        fine *= np.float32(1 / 255)
        _paint_mover(Canvas(camera, fine), mover, z)
        small = cv2.resize(fine, (right - left, low - top), interpolation=cv2.INTER_AREA)
        drawn = np.clip(small * 255, 0, 255)
        part[:] = (part + opacity * (drawn - part) + 0.5).astype(np.uint8)

    def _develop(self, frame: Image) -> Image:
        """Adds the contrast, vignette and grain of a camera to a painted frame (H, W, 3)."""
        shaded = cv2.multiply(cv2.LUT(frame, self._contrast), self._gain, scale=1 / 255)
        grainy = cv2.subtract(cv2.add(shaded, self._brighter), self._darker)
        return grainy.astype(np.uint8, copy=False)


def _paint_mover(canvas: Canvas, mover: Mover, z: float) -> None:
    """Draws a mover onto a canvas that already shows the street."""
    mirror = Canvas(dataclasses.replace(canvas.camera, mirrored=True), canvas.image.copy())
    mover.shape.paint(mirror, mover.x, z)
    change = cv2.blur(mirror.image - canvas.image, (1, max(1, canvas.camera.height // 12)))
    canvas.image += (0.12 + 0.3 * min(1.0, z / 90)) * change
    mover.shape.paint_shadow(canvas, mover.x, z)
    mover.shape.paint(canvas, mover.x, z)


def _contrast() -> Image:
    """Returns a gentle S-curve for levels 0 to 255, (1, 256) uint8."""
    level = np.linspace(0, 1, 256)
    curve = level + 0.55 * level * (1 - level) * (level - 0.42)
    return np.rint(255 * np.clip(curve, 0, 1)).astype(np.uint8)[None]


def _vignette(height: int, width: int) -> Image:
    """Returns the relative brightness of each pixel, (height, width, 3) uint8; 255 is full."""
    y = np.linspace(-1, 1, height)[:, None]
    x = np.linspace(-1, 1, width)[None, :]
    gain = 1 - 0.16 * np.clip((x**2 + y**2) / 2, 0, 1) ** 1.3
    return np.repeat((gain * 255)[..., None], 3, axis=2).astype(np.uint8)


def _grain(height: int, width: int, seed: int) -> tuple[Image, Image]:
    """Returns noise to add and noise to subtract, each (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    luma = cv2.GaussianBlur(rng.normal(0, 4.0, (height, width, 1)), (0, 0), 0.6)
    grain = luma.reshape(height, width, 1) + rng.normal(0, 0.8, (height, width, 3))
    limited = np.clip(np.rint(grain), -20, 20)
    return np.maximum(limited, 0).astype(np.uint8), np.maximum(-limited, 0).astype(np.uint8)
