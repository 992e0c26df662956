"""The built-in demo camera: a street in the evening, with or without rain."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.stream.scenery.camera import Camera
from spikerain_edge.stream.scenery.canvas import Canvas
from spikerain_edge.stream.scenery.cars import HATCHBACK, SEDAN, VAN, Car
from spikerain_edge.stream.scenery.people import Walker
from spikerain_edge.stream.scenery.street import render_street
from spikerain_edge.weather import Rain, RainStyle

Frame = npt.NDArray[np.uint8]

_DRIVEN = (3.5, 150.0)
_WALKED = (12.0, 80.0)
_FADE = 25.0
_FINEST = 500


@dataclass(frozen=True)
class _Mover:
    """A car or a walker that comes by again and again.

    Attributes:
        shape: draws it.
        x: where it keeps to on the street, metres.
        way: where along the street its way begins, and how long that is, metres.
        start: how far along its way it is in frame 0, metres.
        speed: metres per frame, negative towards the camera.
    """

    shape: Car | Walker
    x: float
    way: tuple[float, float]
    start: float
    speed: float

    def z(self, index: int) -> float:
        """Where along the street it is in frame `index`, metres from the camera."""
        return self.way[0] + (self.start + self.speed * index) % self.way[1]

    def opacity(self, index: int) -> float:
        """How visible it is, 0 to 1: things come out of the haze and go into it."""
        return min(1.0, (sum(self.way) - self.z(index)) / _FADE)


class DemoScene:
    """A fixed camera's view along a street, drawn without any assets.

    Everything that stands still is drawn once, here; cars and walkers are drawn for each frame.

    Args:
        height: rows of a frame.
        width: columns of a frame.
        seed: same seed and size, same frames.
    """

    def __init__(self, height: int = 360, width: int = 640, seed: int = 7) -> None:
        self.size = (height, width)
        self._camera = Camera.of_size(height, width)
        self._street = render_street(height, width, seed)
        self._contrast = _contrast()
        self._gain = _vignette(height, width)
        self._brighter, self._darker = _grain(height, width, seed)
        self._rain = Rain(_shower(height), self.size, seed)
        self._movers = _traffic()

    def clean(self, index: int) -> Frame:
        """Frame `index` without rain, (H, W, 3) uint8 BGR."""
        frame = self._street.copy()
        for mover in sorted(self._movers, key=lambda mover: -mover.z(index)):
            self._draw(frame, mover, index)
        return self._develop(frame)

    def rainy(self, index: int) -> Frame:
        """Frame `index` behind the rain of that moment, (H, W, 3) uint8 BGR."""
        light = (self._rain.streaks(float(index)) * 255).astype(np.uint8)
        # What `Rain.render` does for white rain, in integers, since a camera does not wait.
        return _screen(self.clean(index), light)

    def _draw(self, frame: Frame, mover: _Mover, index: int) -> None:
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

    def _develop(self, frame: Frame) -> Frame:
        """Gives a drawn frame (H, W, 3) a camera's contrast, vignette and grain."""
        shaded = cv2.multiply(cv2.LUT(frame, self._contrast), self._gain, scale=1 / 255)
        grainy = cv2.subtract(cv2.add(shaded, self._brighter), self._darker)
        return grainy.astype(np.uint8, copy=False)


def _paint_mover(canvas: Canvas, mover: _Mover, z: float) -> None:
    """Draws a mover onto a canvas that already shows the street."""
    mirror = Canvas(dataclasses.replace(canvas.camera, mirrored=True), canvas.image.copy())
    mover.shape.paint(mirror, mover.x, z)
    change = cv2.blur(mirror.image - canvas.image, (1, max(1, canvas.camera.height // 12)))
    canvas.image += (0.12 + 0.3 * min(1.0, z / 90)) * change
    mover.shape.paint_shadow(canvas, mover.x, z)
    mover.shape.paint(canvas, mover.x, z)


def _traffic() -> tuple[_Mover, ...]:
    """Who is on the move."""
    oncoming = (
        (HATCHBACK, (0.42, 0.25, 0.10), 24.0),
        (SEDAN, (0.68, 0.69, 0.70), 60.0),
        (VAN, (0.16, 0.22, 0.46), 112.0),
    )
    leaving = (
        (SEDAN, (0.11, 0.11, 0.12), 15.5),
        (HATCHBACK, (0.22, 0.24, 0.55), 52.0),
        (SEDAN, (0.52, 0.50, 0.46), 98.0),
    )
    walking = (
        (-6.25, 0.05, 11.5, (0.26, 0.14, 0.10), (0.14, 0.12, 0.52)),
        (-6.4, -0.045, 26.0, (0.16, 0.17, 0.20), (0.13, 0.13, 0.14)),
        (-6.2, 0.055, 45.0, (0.20, 0.26, 0.36), (0.45, 0.34, 0.12)),
    )
    return (
        *(
            _Mover(Car(body, colour, False, True), -1.8, _DRIVEN, start, -0.34)
            for body, colour, start in oncoming
        ),
        *(
            _Mover(Car(body, colour, True, True), 1.7, _DRIVEN, start, 0.3)
            for body, colour, start in leaving
        ),
        *(
            _Mover(Walker(coat, umbrella), x, _WALKED, start, speed)
            for x, speed, start, coat, umbrella in walking
        ),
    )


def _screen(frame: Frame, light: npt.NDArray[np.uint8]) -> Frame:
    """Lets white light (H, W) saturate a frame (H, W, 3), all uint8."""
    veiled = cv2.multiply(cv2.bitwise_not(frame), cv2.merge([light] * 3), scale=1 / 255)
    return cv2.add(frame, veiled).astype(np.uint8, copy=False)


def _shower(height: int) -> RainStyle:
    """The demo's rain, whose streaks grow with the picture."""
    scale = height / 360
    return RainStyle(
        coverage=0.07,
        length=max(6.0, 28 * scale),
        width=max(1.0, 1.5 * scale),
        angle=9.0,
        brightness=0.5,
        layers=2,
    )


def _contrast() -> Frame:
    """A gentle S-curve for levels 0 to 255, (1, 256) uint8."""
    level = np.linspace(0, 1, 256)
    curve = level + 0.55 * level * (1 - level) * (level - 0.42)
    return np.rint(255 * np.clip(curve, 0, 1)).astype(np.uint8)[None]


def _vignette(height: int, width: int) -> Frame:
    """How bright each pixel stays, (height, width, 3) uint8 of 255."""
    y = np.linspace(-1, 1, height)[:, None]
    x = np.linspace(-1, 1, width)[None, :]
    gain = 1 - 0.16 * np.clip((x**2 + y**2) / 2, 0, 1) ** 1.3
    return np.repeat((gain * 255)[..., None], 3, axis=2).astype(np.uint8)


def _grain(height: int, width: int, seed: int) -> tuple[Frame, Frame]:
    """What the sensor adds to and takes from each pixel, twice (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    luma = cv2.GaussianBlur(rng.normal(0, 4.0, (height, width, 1)), (0, 0), 0.6)
    grain = luma.reshape(height, width, 1) + rng.normal(0, 0.8, (height, width, 3))
    limited = np.clip(np.rint(grain), -20, 20)
    return np.maximum(limited, 0).astype(np.uint8), np.maximum(-limited, 0).astype(np.uint8)
