"""The built-in demo camera: a street in the evening, with or without rain."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.weather import Rain, RainStyle

# Painted by benchmarks/demo_street.py, which prints this digest.
_CLIP = Path(__file__).with_name("demo.mp4")
_SHA256 = "7a3acee0f7444d81a119553748cf23dde451c4c7ef0759b902c75636c17c6bee"
_MAX_CLIP_BYTES = 2_000_000
_SIZE = (360, 640)
_LOOP = 450
_SEED = 7
# Frames by which streets of neighbouring seeds are apart: no car is where it was.
_STRIDE = 97


class DemoScene:
    """A fixed camera's view along a street: a clip that loops without a seam, and rendered rain.

    The clip is 640x360, 25 frames per second and 18 seconds long; other sizes are scaled from it.
    Another seed gives other rain and another moment of the loop; even seeds mirror the street.

    Args:
        height: rows of a frame.
        width: columns of a frame.
        seed: same seed and size, same frames.

    Raises:
        InputError: the clip in the package is missing or has been changed.
    """

    def __init__(self, height: int = _SIZE[0], width: int = _SIZE[1], seed: int = _SEED) -> None:
        self.size = (height, width)
        self._clip = _Clip(_checked_clip(_CLIP))
        self._begin = (seed - _SEED) * _STRIDE
        self._mirrored = seed % 2 == 0
        self._rain = Rain(_shower(height), self.size, seed)

    def clean(self, index: int) -> Image:
        """Frame `index` without rain, (H, W, 3) uint8 BGR. Going forward is faster than back."""
        frame = self._clip.read((self._begin + index) % _LOOP)
        if self.size != frame.shape[:2]:
            smaller = self.size[0] < frame.shape[0]
            method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
            frame = np.asarray(cv2.resize(frame, self.size[::-1], interpolation=method), np.uint8)
        return np.ascontiguousarray(frame[:, ::-1]) if self._mirrored else frame.copy()

    def rainy(self, index: int) -> Image:
        """Frame `index` behind the rain of that moment, (H, W, 3) uint8 BGR."""
        light = (self._rain.streaks(float(index)) * 255).astype(np.uint8)
        # What `Rain.render` does for white rain, in integers, since a camera does not wait.
        return _screen(self.clean(index), light)


class _Clip:
    """Frames of a video in memory by number; decodes forward from the latest one.

    Args:
        content: the checked video.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._frames = self._decode()
        self._latest: tuple[int, Image] | None = None

    def read(self, index: int) -> Image:
        """Frame `index` of the loop, (H, W, 3) uint8 BGR."""
        if self._latest is not None and index < self._latest[0]:
            self._frames, self._latest = self._decode(), None
        while self._latest is None or self._latest[0] < index:
            self._latest = next(self._frames)
        return self._latest[1]

    def _decode(self) -> Iterator[tuple[int, Image]]:
        with av.open(io.BytesIO(self._content)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                # The clip is coded as GBR, so this copies pixels and computes nothing.
                yield index, np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def _checked_clip(path: Path) -> bytes:
    """The content of the clip.

    Raises:
        InputError: it is missing or its SHA-256 is wrong.
    """
    remedy = "reinstall it: pip install --force-reinstall spikerain-edge"
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_CLIP_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read the demo clip {path}: {error.strerror}", remedy) from error
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise InputError(f"the demo clip {path} was changed (its SHA-256 does not match)", remedy)
    return content


def _screen(frame: Image, light: npt.NDArray[np.uint8]) -> Image:
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
