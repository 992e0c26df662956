"""Rain: streaks in several depth layers, and mist of drops that are too far to be seen one by one.

A `Rain` is one seeded shower of a `RainStyle`. Each drop has a position, a velocity and a
brightness. A frame shows it as the streak that it leaves during the exposure, so a shower that is
rendered at successive times moves like rain on video.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image
from spikerain_edge.sizes import Size
from spikerain_edge.weather.base import Layer, to_bytes, to_light
from spikerain_edge.weather.rain_style import Blend, RainStyle

_SUPERSAMPLE = 2
_SUBPIXEL_BITS = 4
_MAX_DROPS_PER_LAYER = 60_000


@dataclass(frozen=True)
class _Drops:
    """Drops of one depth layer; arrays have one entry per drop, dimmest first."""

    origin: npt.NDArray[np.float64]
    velocity: npt.NDArray[np.float64]
    streak: npt.NDArray[np.float64]
    brightness: npt.NDArray[np.float64]
    thickness: int
    smear: float
    angle: float


class Rain:
    """One seeded shower for pictures of one size.

    Args:
        style: appearance of the rain.
        size: height and width of the pictures in pixels.
        seed: the same seed, style and size give the same shower.
    """

    def __init__(self, style: RainStyle, size: Size, seed: int) -> None:
        self.style = style
        self.size = size
        rng = np.random.default_rng(seed)
        self._margin = math.ceil(2.0 * style.length * (1 + style.variation)) + 8
        self._layers = [self._scatter(depth, rng) for depth in range(style.layers)]
        self._veil = rng.random((4, 6)).astype(np.float32)

    def streaks(self, time: float = 0.0) -> Layer:
        """Renders the light of the streaks at a time in frames, float32 (H, W) in 0 to 1."""
        light = np.zeros(self.size, np.float32)
        for drops in self._layers:
            light = np.maximum(light, self._expose(drops, time))
        return light

    def render(self, image: Image, time: float = 0.0, strength: float = 1.0) -> Image:
        """Renders this shower on a copy of a picture; see `Weather.render`.

        Raises:
            ValueError: the picture does not have the size `size`.
        """
        picture = to_light(image, self.size)
        colour = np.asarray(self.style.colour, np.float32)
        if self.style.mist > 0:
            veil = (strength * self.style.mist * self._mist(time))[..., None]
            picture = picture * (1 - np.minimum(veil, 1)) + np.minimum(veil, 1) * colour * 0.8
        light = strength * self.streaks(time)[..., None]
        return to_bytes(blend(picture, light, colour, self.style.blend))

    def _scatter(self, depth: int, rng: np.random.Generator) -> _Drops:
        style, far = self.style, 0.6**depth
        height, width = (side + 2 * self._margin for side in self.size)
        length, thickness = max(1.0, style.length * far), max(0.5, style.width * far)
        wanted = style.coverage * height * width / (length * thickness)
        count = min(_MAX_DROPS_PER_LAYER, int(rng.poisson(wanted)))
        angle = np.radians(style.angle + style.spread * rng.standard_normal(count))
        direction = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        scale = np.maximum(0.2, 1 + style.variation * rng.standard_normal((count, 2)))
        streak = direction * (length * scale[:, :1])
        brightness = np.sort(style.brightness * far**0.5 * scale[:, 1])
        return _Drops(
            origin=rng.random((count, 2)) * (width, height),
            velocity=direction * length * style.speed,
            streak=streak,
            brightness=brightness,
            thickness=max(1, round(_SUPERSAMPLE * thickness - 0.5)),
            smear=0.3 * length,
            angle=style.angle,
        )

    def _expose(self, drops: _Drops, time: float) -> Layer:
        """Draws each drop as an anti-aliased line on a finer canvas, then shrinks and blurs it."""
        height, width = self.size
        canvas = np.zeros((height * _SUPERSAMPLE, width * _SUPERSAMPLE), np.uint8)
        span = np.array([width, height]) + 2 * self._margin
        head = (drops.origin + drops.velocity * time) % span - self._margin
        tail = head - drops.streak * 0.8
        visible = ~(
            (np.maximum(head, tail) < 0).any(axis=1)
            | (np.minimum(head, tail) >= (width, height)).any(axis=1)
        )
        scale = _SUPERSAMPLE << _SUBPIXEL_BITS
        ends = np.rint(np.hstack([head, tail])[visible] * scale).astype(int).tolist()
        levels = np.clip(drops.brightness[visible] * 255, 0, 255).tolist()
        for (x0, y0, x1, y1), level in zip(ends, levels, strict=True):
            cv2.line(
                canvas, (x0, y0), (x1, y1), level, drops.thickness, cv2.LINE_AA, _SUBPIXEL_BITS
            )
        light = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
        if drops.smear >= 1:
            light = cv2.filter2D(light, -1, _motion_kernel(drops.smear, drops.angle))
        if self.style.softness > 0.2:
            light = cv2.GaussianBlur(light, (0, 0), self.style.softness)
        return light.astype(np.float32) / 255.0

    def _mist(self, time: float) -> Layer:
        """Renders slowly drifting mist, float32 (H, W) in 0.4 to 1."""
        shift = 0.02 * time
        rows = (np.arange(4)[:, None] + shift) % 4
        columns = (np.arange(6)[None, :] + shift) % 6
        drifted = cv2.remap(
            self._veil,
            np.broadcast_to(columns, (4, 6)).astype(np.float32),
            np.broadcast_to(rows, (4, 6)).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        height, width = self.size
        smooth = cv2.resize(drifted, (width, height), interpolation=cv2.INTER_CUBIC)
        veil: Layer = np.clip(0.4 + 0.6 * smooth, 0.4, 1.0).astype(np.float32)
        return veil


def blend(picture: Layer, light: Layer, colour: Layer, mode: Blend) -> Layer:
    """Blends the light of streaks (H, W, 1) and of a colour (3,) with a picture (H, W, 3).

    All values are in 0 to 1; the result may be above 1 for the mode `additive`.
    """
    if mode == "additive":
        return picture + light * colour
    alpha = np.clip(light, 0, 1)
    if mode == "screen":
        return 1 - (1 - picture) * (1 - alpha * colour)
    return picture * (1 - alpha) + alpha * colour


def _motion_kernel(length: float, angle: float) -> Layer:
    """Returns a box kernel of `length` pixels in the direction of fall."""
    reach = max(1, math.ceil(length / 2))
    side = 2 * reach + 1
    dx, dy = length / 2 * math.sin(math.radians(angle)), length / 2 * math.cos(math.radians(angle))
    ends = np.rint(16 * np.array([reach - dx, reach - dy, reach + dx, reach + dy])).astype(int)
    x0, y0, x1, y1 = ends.tolist()
    kernel = np.zeros((side, side), np.uint8)
    cv2.line(kernel, (x0, y0), (x1, y1), 255, 1, cv2.LINE_AA, 4)
    normalised: Layer = (kernel / kernel.sum()).astype(np.float32)
    return normalised
