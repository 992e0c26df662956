"""Generates rainy scenes with known clean images: views of the demo's street, and textures."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.images import Image
from spikerain_edge.images.scaling import crop_and_scale
from spikerain_edge.stream.demo import DemoScene
from spikerain_edge.weather.kinds import sample_weather
from spikerain_export.truth import Scene

# Frames of the demo, far enough apart that the traffic differs.
MOMENTS = (0, 30, 60, 90, 120, 150)
# Every fourth scene shows a texture instead of the street.
TEXTURE_EVERY = 4
_SMALLEST_VIEW = 0.4


def draw_scenes(count: int, size: tuple[int, int], seed: int = 0) -> list[Scene]:
    """Generates scenes that differ in position, scale, mirroring, exposure and rain.

    Args:
        count: number of scenes.
        size: height and width in pixels.
        seed: equal seed, count and size give equal scenes.
    """
    rng = np.random.default_rng(seed)
    street = DemoScene()
    frames = [street.clean(moment) for moment in MOMENTS[:count]]
    return [_scene(number, frames[number % len(frames)], size, rng) for number in range(count)]


def _scene(number: int, frame: Image, size: tuple[int, int], rng: np.random.Generator) -> Scene:
    textured = number % TEXTURE_EVERY == TEXTURE_EVERY - 1
    view = texture(size, rng) if textured else crop_and_scale(_view(frame, rng), *size)
    clean = np.asarray(cv2.LUT(view, exposure(rng)), np.uint8)
    rain = sample_weather("rain", size, rng)
    return Scene(rain.render(clean, strength=float(rng.uniform(0.5, 1.0))), clean)


def _view(frame: Image, rng: np.random.Generator) -> Image:
    """Cuts out a part of a frame with the same aspect ratio and mirrors half of the parts."""
    share = rng.uniform(_SMALLEST_VIEW, 1.0)
    height, width = (max(1, round(share * side)) for side in frame.shape[:2])
    top = int(rng.integers(frame.shape[0] - height + 1))
    left = int(rng.integers(frame.shape[1] - width + 1))
    part = frame[top : top + height, left : left + width]
    return np.ascontiguousarray(part[:, ::-1]) if rng.random() < 0.5 else part


def texture(size: tuple[int, int], rng: np.random.Generator) -> Image:
    """Generates coloured noise with stronger coarse than fine patterns, as in natural images."""
    height, width = size
    light = np.zeros((height, width, 3), np.float32)
    for octave in range(1, 7):
        cells = rng.normal(0, 1, (2**octave, 2**octave, 3)).astype(np.float32)
        light += cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC) * 2**-octave
    return np.clip(110 + 110 * light, 0, 255).astype(np.uint8)


def exposure(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Draws levels (256,) that change brightness and gamma, as another time of day would."""
    gain, gamma = rng.uniform(0.6, 1.25), rng.uniform(0.7, 1.4)
    levels = np.linspace(0, 1, 256) ** gamma * gain
    return np.clip(255 * levels, 0, 255).astype(np.uint8)
