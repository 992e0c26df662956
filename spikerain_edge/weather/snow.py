"""Snow: soft flakes in several depth layers that fall and sway."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image
from spikerain_edge.sizes import Size
from spikerain_edge.weather.base import Colour, Layer, sample_grey, sample_log, to_bytes, to_light
from spikerain_edge.weather.clouds import Clouds

_SUPERSAMPLE = 2
_SUBPIXEL_BITS = 4
_MAX_FLAKES_PER_LAYER = 60_000
_FARTHER = 0.6


@dataclass(frozen=True)
class SnowStyle:
    """Appearance of a snowfall. Sizes are in pixels of the picture.

    Attributes:
        coverage: share of the picture that flakes of each layer cover, about 0 to 1.
        size: mean diameter of a flake in the nearest layer.
        variation: relative standard deviation of diameter, speed and opacity from flake to flake.
        layers: number of depth layers; farther ones have more, smaller and slower flakes.
        opacity: opacity of a flake that does not move, 0 to 1.
        softness: standard deviation of the blur of a flake's edge, in diameters.
        speed: distance that a flake falls per frame, in diameters.
        exposure: share of the time between two frames in which the shutter is open; motion blur
            smears a flake along its path in this time.
        angle: direction of fall in degrees from the vertical; flakes with a positive angle fall
            to the right.
        sway: amplitude of the sideways motion of a flake, in diameters.
        period: period of the sideways motion in frames.
        colour: BGR of the snow, 0 to 1.
        mist: opacity of the mist of flakes that are too far to be seen one by one, 0 to 1.
    """

    coverage: float = 0.03
    size: float = 6.0
    variation: float = 0.3
    layers: int = 3
    opacity: float = 0.85
    softness: float = 0.2
    speed: float = 1.5
    exposure: float = 0.4
    angle: float = 8.0
    sway: float = 1.5
    period: float = 40.0
    colour: Colour = (1.0, 1.0, 1.0)
    mist: float = 0.05


@dataclass(frozen=True)
class _Flakes:
    """N flakes of one layer, faintest first; positions and velocities are (N, 2), others (N,)."""

    origin: npt.NDArray[np.float64]
    velocity: npt.NDArray[np.float64]
    rate: npt.NDArray[np.float64]
    phase: npt.NDArray[np.float64]
    diameter: npt.NDArray[np.float64]
    opacity: npt.NDArray[np.float64]
    sway: float
    margin: float
    blur: float


class Snow:
    """One seeded snowfall for pictures of one size.

    Args:
        style: appearance of the snow.
        size: height and width of the pictures in pixels.
        seed: the same seed, style and size give the same snowfall.
    """

    def __init__(self, style: SnowStyle, size: Size, seed: int) -> None:
        self.style = style
        self.size = size
        rng = np.random.default_rng(seed)
        self._layers = [self._scatter(depth, rng) for depth in range(style.layers)]
        self._clouds = Clouds(rng)

    def flakes(self, time: float = 0.0) -> Layer:
        """Renders the opacity of the flakes at a time in frames, float32 (H, W) in 0 to 1."""
        transparency = np.ones(self.size, np.float32)
        for flakes in self._layers:
            transparency *= 1 - self._expose(flakes, time)
        return 1 - transparency

    def render(self, image: Image, time: float = 0.0, strength: float = 1.0) -> Image:
        """Renders this snowfall on a copy of a picture; see `Weather.render`.

        Raises:
            ValueError: the picture does not have the size `size`.
        """
        picture = to_light(image, self.size)
        colour = np.asarray(self.style.colour, np.float32)
        for cover in (self._veil(time), self.flakes(time)):
            hidden = np.minimum(strength * cover, 1)[..., None]
            picture = picture * (1 - hidden) + hidden * colour
        return to_bytes(picture)

    def _scatter(self, depth: int, rng: np.random.Generator) -> _Flakes:
        style, far = self.style, _FARTHER**depth
        size = max(0.7, style.size * far)
        # The margin hides a flake completely before it reappears on the other side.
        largest = 1 + 3 * style.variation
        margin = size * (2 + style.sway + largest * (1 + style.speed * style.exposure))
        height, width = (side + 2 * margin for side in self.size)
        wanted = style.coverage * height * width / (math.pi / 4 * size**2)
        count = min(_MAX_FLAKES_PER_LAYER, int(rng.poisson(wanted)))
        vary = np.clip(1 + style.variation * rng.standard_normal((3, count)), 0.3, 3)
        angle = math.radians(style.angle)
        fall = style.speed * size * np.array([math.sin(angle), math.cos(angle)])
        return _Flakes(
            origin=rng.random((count, 2)) * (width, height),
            velocity=fall * vary[0][:, None],
            rate=2 * np.pi / style.period * vary[0],
            phase=rng.uniform(0, 2 * np.pi, count),
            diameter=size * vary[1],
            opacity=np.sort(np.clip(style.opacity * far**0.3 * vary[2], 0, 1)),
            sway=style.sway * size,
            margin=margin,
            blur=max(0.4, style.softness * size),
        )

    def _expose(self, flakes: _Flakes, time: float) -> Layer:
        """Renders the opacity of one layer, with each flake smeared along its path."""
        height, width = self.size
        now = self._positions(flakes, time)
        smear = now - self._positions(flakes, time - self.style.exposure)
        head = now % (np.array([width, height]) + 2 * flakes.margin) - flakes.margin
        reach = flakes.diameter[:, None] + np.abs(smear) + 3 * flakes.blur
        visible = ((head > -reach) & (head - reach < (width, height))).all(axis=1)
        path = np.hypot(*smear.T)
        # A disc that moves by more than its diameter covers each point only part of the time.
        opacity = flakes.opacity * flakes.diameter / np.maximum(path, flakes.diameter)
        ends = np.hstack([head, head - smear])[visible]
        cover = _capsules(ends, flakes.diameter[visible], opacity[visible], self.size)
        return cv2.GaussianBlur(cover, (0, 0), flakes.blur)  # type: ignore[return-value]

    def _positions(self, flakes: _Flakes, time: float) -> npt.NDArray[np.float64]:
        """Computes x and y of the flakes, (N, 2), before they are wrapped to the picture."""
        positions = flakes.origin + flakes.velocity * time
        positions[:, 0] += flakes.sway * np.sin(flakes.rate * time + flakes.phase)
        return positions

    def _veil(self, time: float) -> Layer:
        """Renders the opacity of drifting mist, float32 (H, W) in 0 to 1."""
        drift = (0.5 * self.style.size * time, 0.0)
        veil: Layer = np.clip(self.style.mist * (1 + self._clouds(self.size, drift)), 0, 1)
        return veil


def _capsules(
    ends: npt.NDArray[np.float64],
    diameter: npt.NDArray[np.float64],
    level: npt.NDArray[np.float64],
    size: Size,
) -> Layer:
    """Draws lines with round ends on a finer canvas and shrinks it; later lines cover earlier ones.

    Args:
        ends: x and y of both ends in pixels, (N, 4).
        diameter: width of each line in pixels, (N,).
        level: value of each line in 0 to 1, (N,).
        size: height and width of the picture in pixels.

    Returns:
        float32 (H, W) in 0 to 1.
    """
    height, width = size
    canvas = np.zeros((height * _SUPERSAMPLE, width * _SUPERSAMPLE), np.uint8)
    points = np.rint(ends * (_SUPERSAMPLE << _SUBPIXEL_BITS)).astype(int).tolist()
    # The soft edge of a line of OpenCV adds one pixel of the canvas to its width.
    thick = np.maximum(1, np.rint(_SUPERSAMPLE * diameter - 1)).astype(int).tolist()
    levels = (255 * level).tolist()
    for (x0, y0, x1, y1), thickness, value in zip(points, thick, levels, strict=True):
        cv2.line(canvas, (x0, y0), (x1, y1), value, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
    shrunk = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    return shrunk.astype(np.float32) / 255.0


def sample_snow_style(rng: np.random.Generator) -> SnowStyle:
    """Draws a style, from fine powder to large wet flakes and from calm air to a gale."""
    stormy = rng.random() < 0.2
    return SnowStyle(
        coverage=sample_log(rng, 0.004, 0.06),
        size=sample_log(rng, 1.5, 14),
        variation=float(rng.uniform(0.1, 0.5)),
        layers=int(rng.integers(1, 6)),
        opacity=float(rng.uniform(0.4, 1.0)),
        softness=float(rng.uniform(0.1, 0.35)),
        speed=sample_log(rng, 0.5, 6),
        exposure=float(rng.uniform(0.05, 0.9)),
        angle=float(rng.uniform(-75, 75) if stormy else rng.normal(0, 15)),
        sway=float(rng.uniform(0, 3)),
        period=sample_log(rng, 20, 100),
        colour=sample_grey(rng, 0.8, 1.0, 0.01),
        mist=float(rng.uniform(0.02, 0.25)) if rng.random() < 0.4 else 0.0,
    )
