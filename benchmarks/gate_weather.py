"""Pairs of frames for `rain_gate.py`: scenes, camera effects, and rain of a given strength.

Photographs stand still, painted streets have cars and walkers. Rain is rendered in front of them
and moves; its strength is chosen for a PSNR between the scene with and without it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from camera_effects import EFFECTS, SIZE, coded
from scenery.painter import StreetPainter
from scenery.traffic import LOOP
from spikerain_edge.images import Image
from spikerain_edge.weather import Weather, sample_weather

_HEIGHT, _WIDTH = SIZE
# Frames that are rendered before the two of a test, for the coder.
_LEAD = 2
Picture = Callable[[int], Image]


@dataclass(frozen=True)
class Condition:
    """Weather, and what the camera does.

    Attributes:
        name: what to call it.
        group: row of the summary that it belongs to.
        psnr: of the rain, in dB; None when it is dry.
        kind: kind of the weather.
        effects: what happens to the frames besides.
        noise: standard deviation of the camera's noise, levels.
    """

    name: str
    group: str
    psnr: float | None = None
    kind: str = "rain"
    effects: tuple[str, ...] = ()
    noise: float = 2.0


CONDITIONS = (
    Condition("dry", "dry, still camera"),
    Condition("dry, H.264", "dry, still camera", effects=("h264",)),
    Condition("dry, exposure drifts", "dry, still camera", effects=("exposure",)),
    Condition("dry, noise of 8 levels", "dry, still camera", noise=8.0),
    Condition("dry night, noise of 5", "dry, still camera", effects=("night",), noise=5.0),
    Condition("dry night, headlights", "dry, still camera", effects=("night", "lights"), noise=4.0),
    Condition("dry, things pass", "dry, still camera", effects=("passers",)),
    Condition("dry, wind in the trees", "dry, much moves", effects=("wind",)),
    Condition("dry, shaky camera", "dry, much moves", effects=("shake",)),
    Condition("dry, panning camera", "dry, much moves", effects=("pan",)),
    Condition("snow", "snow", psnr=28.0, kind="snow"),
    Condition("drizzle of 40 dB", "drizzle", psnr=40.0),
    Condition("drizzle of 37 dB", "drizzle", psnr=37.0),
    Condition("rain of 34 dB", "rain", psnr=34.0),
    Condition("rain of 30 dB", "rain", psnr=30.0),
    Condition("rain of 26 dB", "rain", psnr=26.0),
    Condition("rain of 30 dB, H.264", "rain", psnr=30.0, effects=("h264",)),
    Condition("rain of 30 dB, night", "rain", psnr=30.0, effects=("night",), noise=4.0),
    Condition("rain of 30 dB, shaky camera", "rain", psnr=30.0, effects=("shake",)),
    Condition("rain of 30 dB, panning camera", "rain", psnr=30.0, effects=("pan",)),
    Condition("downpour of 20 dB", "downpour", psnr=20.0, kind="downpour"),
)


@dataclass(frozen=True)
class Pair:
    """Two frames in a row.

    Attributes:
        earlier, later: what the camera shows, uint8 (480, 640, 3) BGR.
        dry: the later frame without the rain, with the same noise.
    """

    earlier: Image
    later: Image
    dry: Image


class Scene:
    """What a camera looks at.

    Args:
        name: what to call it.
        picture: draws it at a moment, counted in frames.
    """

    def __init__(self, name: str, picture: Picture) -> None:
        self.name = name
        self._picture = picture
        self._strengths: dict[str, tuple[Weather, float]] = {}

    def pair(self, condition: Condition, number: int) -> Pair:
        """Returns a pair of frames; the same condition and number give the same one."""
        seed = zlib.crc32(f"{self.name}/{condition.name}/{number}".encode())
        rng = np.random.default_rng(seed)
        moments = [_LEAD * 40 * number + step for step in range(_LEAD + 2)]
        dry = _moved([self._picture(moment) for moment in moments], condition, rng)
        wet = dry
        if condition.psnr is not None:
            weather, strength = self._weather(condition, dry[0])
            wet = [
                weather.render(image, float(moment), strength)
                for image, moment in zip(dry, moments, strict=True)
            ]
        noises = [_noise(condition.noise, rng) for _ in dry]
        wet, dry = _with_noise(wet, noises), _with_noise(dry, noises)
        if "h264" in condition.effects:
            wet, dry = coded(wet), coded(dry)
        return Pair(wet[-2], wet[-1], dry[-1])

    def _weather(self, condition: Condition, image: Image) -> tuple[Weather, float]:
        """The weather of a condition in this scene, and the strength for its PSNR."""
        if condition.name not in self._strengths:
            seed = zlib.crc32(f"{self.name}/{condition.name}".encode())
            weather = sample_weather(condition.kind, SIZE, np.random.default_rng(seed))
            low, high = 0.02, 4.0
            for _ in range(6):
                strength = (low * high) ** 0.5
                faint = cv2.PSNR(weather.render(image, 0.0, strength), image) > condition.psnr
                low, high = (strength, high) if faint else (low, strength)
            self._strengths[condition.name] = weather, (low * high) ** 0.5
        return self._strengths[condition.name]


def load_scene(photographs: Path, number: int, count: int) -> Scene:
    """Returns one of `count` scenes: of three, two are photographs and one is a painted street."""
    if number % 3 == 2:
        painter, begin = StreetPainter(_HEIGHT, _WIDTH), 97 * number
        return Scene(f"street {begin}", lambda moment: painter.paint((begin + moment) % LOOP))
    files = sorted(photographs.rglob("*.jpg"))
    path = files[number * len(files) // count]
    image = _fitted(cv2.imread(str(path)))
    return Scene(path.stem, lambda moment: image)


def _fitted(image: Image) -> Image:
    if image.shape[0] > image.shape[1]:
        image = cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE)
    shrinks = image.shape[1] > _WIDTH
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(image, (_WIDTH, _HEIGHT), interpolation=method)


def _moved(images: Sequence[Image], condition: Condition, rng: np.random.Generator) -> list[Image]:
    """Frames as the camera would see them without weather and noise."""
    moved = list(images)
    for effect in condition.effects:
        if effect in EFFECTS:
            moved = EFFECTS[effect](moved, rng)
    return moved


def _noise(deviation: float, rng: np.random.Generator) -> np.ndarray:
    return deviation * rng.standard_normal((*SIZE, 3), np.float32)


def _with_noise(images: Sequence[Image], noises: Sequence[np.ndarray]) -> list[Image]:
    pairs = zip(images, noises, strict=True)
    return [np.clip(image + noise + 0.5, 0, 255).astype(np.uint8) for image, noise in pairs]
