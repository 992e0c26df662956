"""Generates scenes of short rainy clips, for models that also read the previous frame."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image
from spikerain_edge.images.alignment import align
from spikerain_edge.images.scaling import crop_and_scale
from spikerain_edge.sizes import Size
from spikerain_edge.stream.demo import DemoScene
from spikerain_edge.weather.kinds import sample_weather
from spikerain_export.rainy_scenes import MOMENTS, TEXTURE_EVERY, exposure, texture
from spikerain_export.truth import Scene

FRAMES = 16
"""Frames of a clip, after the one that comes before the first."""
_SMALLEST_VIEW, _LARGEST_VIEW = 0.4, 0.7
# Height and width of the textures that cameras pan over, and how far they move in each frame.
_TEXTURE = (360, 640)
_FASTEST = 3.0


def draw_clips(count: int, size: Size, seed: int = 0, *, each: int = 2) -> list[Scene]:
    """Generates scenes with the aligned frame before each, from clips of 16 frames.

    Rain falls from frame to frame, and cars move in the street. Half of the cameras stand still,
    half of them pan. Every fourth clip shows a texture.

    Args:
        count: number of scenes.
        size: height and width in pixels.
        seed: equal seed, size and `each` give equal scenes.
        each: scenes from each clip, evenly spread.
    """
    rng, street = np.random.default_rng(seed), DemoScene()
    clips, times = range(-(-count // each)), range(FRAMES // each, FRAMES + 1, FRAMES // each)
    scenes = (scene for number in clips for scene in _clip(number, street, size, rng, times))
    return list(islice(scenes, count))


def _clip(
    number: int, street: DemoScene, size: Size, rng: np.random.Generator, times: Sequence[int]
) -> list[Scene]:
    """Draws a clip; its scenes are those at `times`, in frames."""
    moment = MOMENTS[number % len(MOMENTS)]
    textured = number % TEXTURE_EVERY == TEXTURE_EVERY - 1
    still = texture(_TEXTURE, rng) if textured else None
    camera = _Camera(size, rng, moves=number % 2 == 1)
    levels = exposure(rng)
    rain, strength = sample_weather("rain", size, rng), float(rng.uniform(0.5, 1.0))

    def clean(time: int) -> Image:
        whole = street.clean(moment + time) if still is None else still
        return np.asarray(cv2.LUT(camera(whole, time), levels), np.uint8)

    scenes = []
    for time in times:
        before, after = clean(time - 1), clean(time)
        previous = rain.render(before, float(time - 1), strength)
        rainy = rain.render(after, float(time), strength)
        scenes.append(Scene(rainy, after, align(previous, rainy)))
    return scenes


class _Camera:
    """Shows a part of a picture, and moves over it at a steady pace or not at all.

    Args:
        size: height and width of its frames.
        rng: decides what it shows.
        moves: whether it moves.
    """

    def __init__(self, size: Size, rng: np.random.Generator, *, moves: bool) -> None:
        self._size = size
        self._share = rng.uniform(_SMALLEST_VIEW, _LARGEST_VIEW)
        self._place = rng.uniform(0, 1, 2)
        self._pace: npt.NDArray[np.float64] = rng.uniform(-_FASTEST, _FASTEST, 2) * moves

    def __call__(self, picture: Image, time: int) -> Image:
        height, width = (round(self._share * side) for side in picture.shape[:2])
        room = np.array([picture.shape[0] - height, picture.shape[1] - width])
        start = self._place * room + time * self._pace
        # At an edge it turns back.
        top, left = (room - np.abs(start % (2 * room) - room)).astype(int)
        return crop_and_scale(picture[top : top + height, left : left + width], *self._size)
