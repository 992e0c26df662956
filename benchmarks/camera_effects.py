"""What a camera does to frames, and what moves before it, for `gate_weather.py`.

Each effect takes the frames of a moment, uint8 (H, W, 3) BGR in order, and a random generator.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import av
import cv2
import numpy as np

from spikerain_edge.images import Image

SIZE = (480, 640)
_HEIGHT, _WIDTH = SIZE


def _night(images: list[Image], rng: np.random.Generator) -> list[Image]:
    return [_lit(image, 0.45, 1.6) for image in images]


def _exposure(images: list[Image], rng: np.random.Generator) -> list[Image]:
    return [_lit(image, 1 + 0.02 * step, 1.0) for step, image in enumerate(images)]


def _lit(image: Image, gain: float, gamma: float) -> Image:
    return np.clip(255 * gain * (image / 255.0) ** gamma + 0.5, 0, 255).astype(np.uint8)


def _lights(images: list[Image], rng: np.random.Generator) -> list[Image]:
    """Two pairs of headlights with their glow come nearer."""
    x, y, shown = rng.integers(80, _WIDTH - 80, 2), rng.integers(200, 400, 2), []
    for step, image in enumerate(images):
        glow = np.zeros((*SIZE, 3), np.float32)
        for left, top in zip(x, y, strict=True):
            for side in (-25, 25):
                centre = int(left + side + 4 * step), int(top + 2 * step)
                cv2.circle(glow, centre, 9, (190, 230, 255), -1, cv2.LINE_AA)
        glow += 2 * cv2.GaussianBlur(glow, (0, 0), 25)
        shown.append(np.clip(image + glow, 0, 255).astype(np.uint8))
    return shown


def _passers(images: list[Image], rng: np.random.Generator) -> list[Image]:
    """Three textured things of the size of cars and people pass."""
    shown = [image.copy() for image in images]
    for width, height in ((180, 110), (60, 150), (90, 60)):
        x, y = int(rng.integers(0, _WIDTH - width - 40)), int(rng.integers(0, _HEIGHT - height))
        speed = int(rng.integers(3, 12))
        from_x, from_y = (
            int(rng.integers(0, _WIDTH - width)),
            int(rng.integers(0, _HEIGHT - height)),
        )
        thing = images[0][from_y : from_y + height, from_x : from_x + width][:, ::-1].copy()
        for step, image in enumerate(shown):
            left = x + speed * step
            part = image[y : y + height, left : left + width]
            part[:] = thing[: part.shape[0], : part.shape[1]]
    return shown


def _wind(images: list[Image], rng: np.random.Generator) -> list[Image]:
    """Waves of two pixels through the picture."""
    size = (_WIDTH, _HEIGHT)
    waves = [
        cv2.resize(rng.normal(0, 1, (6, 8, 2)), size, interpolation=cv2.INTER_CUBIC)
        for _ in range(2)
    ]
    y, x = np.mgrid[:_HEIGHT, :_WIDTH]
    shown = []
    for step, image in enumerate(images):
        field = 1.5 * (np.cos(0.5 * step) * waves[0] + np.sin(0.5 * step) * waves[1])
        places = [(axis + field[..., n]).astype(np.float32) for n, axis in enumerate((x, y))]
        border = cv2.BORDER_REFLECT
        shown.append(cv2.remap(image, *places, cv2.INTER_CUBIC, borderMode=border))
    return shown


def _shake(images: list[Image], rng: np.random.Generator) -> list[Image]:
    return [_shifted(image, *rng.normal(0, 0.8, 2)) for image in images]


def _pan(images: list[Image], rng: np.random.Generator) -> list[Image]:
    return [_shifted(image, 4.0 * step, 1.0 * step) for step, image in enumerate(images)]


def _shifted(image: Image, right: float, down: float) -> Image:
    zoomed = np.float32([[1.06, 0, -right - 19], [0, 1.06, -down - 14]])
    size, border = (_WIDTH, _HEIGHT), cv2.BORDER_REFLECT
    return cv2.warpAffine(image, zoomed, size, flags=cv2.INTER_CUBIC, borderMode=border)


def coded(images: Sequence[Image]) -> list[Image]:
    """Frames after H.264 at CRF 26, as cameras send them."""
    buffer = io.BytesIO()
    options = {"crf": "26", "preset": "veryfast", "tune": "zerolatency"}
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


EFFECTS: dict[str, Callable[[list[Image], np.random.Generator], list[Image]]] = {
    "night": _night,
    "exposure": _exposure,
    "lights": _lights,
    "passers": _passers,
    "wind": _wind,
    "shake": _shake,
    "pan": _pan,
}
