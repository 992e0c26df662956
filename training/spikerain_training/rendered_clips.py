"""Training samples for video: short clips with weather in front of photographs that move."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from spikerain_edge.images import Image
from spikerain_edge.images.alignment import moved
from spikerain_training.camera import compress, degrade
from spikerain_training.motion import (
    MARGIN,
    MOTIONS,
    Motion,
    filmed,
    motions,
    passed_by,
    sample_blob,
    static,
)
from spikerain_training.rendered import RenderedSamples, random_crop
from spikerain_training.tensors import to_tensor
from spikerain_training.video_compression import compress_clip, sample_crf

FRAMES = 3
"""Frames of a training clip: two that are restored, and the one before them."""

_MOTIONS = {"static": 0.38, "panning": 0.25, "hand-held": 0.27, "zooming": 0.1}
_STILL = 0.06
_JPEG = 0.2
# Pixels by which estimates of the motion are wrong.
_MISJUDGED = 0.1
# Clips whose motion is not found.
_LOST = 0.12


class RenderedClips(RenderedSamples):
    """Clips of crops: two successive frames with weather, without, and the frames before them.

    Each is (2, 3, crop, crop) float32 RGB in [0, 1]; the first axis is time. The camera is static,
    pans, zooms or shakes; things may pass by in front, at their own speed or as near things do. The
    exposure may drift. Weather falls from frame to frame. A few clips show one picture all the
    time. The frames before are aligned as `align` does, with errors of its size and now and then
    not at all; from the known motion, because crops show too little to find it.

    See `RenderedSamples` for the arguments.
    """

    def sample(self, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """Draws a random clip: frames with weather, without, and the frames before."""
        if rng.random() < _STILL:
            clean = degrade(random_crop(self.photograph(rng), self.crop, rng), rng)
            cleans, camera, pace = [clean] * FRAMES, static(FRAMES, rng), 0.0
        else:
            cleans, camera = self._scene(rng)
            # Cameras differ in the time between two frames, and frames get lost.
            pace = float(np.exp(rng.normal(0, 0.4)))
        weathered, cleans = self._compressed(self.mix.over(cleans, rng, pace), cleans, rng)
        before = self._aligned(weathered, camera, rng)
        return clip_tensor(weathered[1:]), clip_tensor(cleans[1:]), clip_tensor(before)

    def _look(self, rng: np.random.Generator) -> Image:
        """Returns part of a photograph, with a margin for motion."""
        return degrade(random_crop(self.photograph(rng), self.crop + 2 * MARGIN, rng), rng)

    def _scene(self, rng: np.random.Generator) -> tuple[list[Image], Motion]:
        kinds = list(_MOTIONS)
        motion = MOTIONS[rng.choice(kinds, p=list(_MOTIONS.values()))](FRAMES, rng)
        frames = filmed(self._look(rng), motion, self.crop)
        passing = rng.random()
        if passing < 0.18:  # parallax: something large and near
            frames = self._with_thing(
                frames, motion.plus(_drift(rng, 0.5), rng.uniform(1.3, 2.5)), 0.4, rng
            )
        elif passing < 0.4:  # something that moves by itself
            frames = self._with_thing(frames, motion.plus(_drift(rng, 4.0)), 0.15, rng)
        if rng.random() < 0.15:
            frames = _exposed(frames, rng.normal(0, 0.025))
        if rng.random() < 0.3:
            frames = _with_noise(frames, rng.uniform(0, 0.012), rng)
        return frames, motion

    def _with_thing(
        self, frames: list[Image], motion: Motion, share: float, rng: np.random.Generator
    ) -> list[Image]:
        look = self._look(rng)
        mask = sample_blob(len(look), share * rng.uniform(0.3, 1.7), rng)
        return passed_by(frames, look, mask, motion, self.crop)

    def _aligned(
        self, frames: list[Image], camera: Motion, rng: np.random.Generator
    ) -> list[Image]:
        """Returns all frames but the last, each aligned with the one after it."""
        if camera.still or rng.random() < _LOST:
            return frames[:-1]
        size = (self.crop + 2 * MARGIN,) * 2
        aligned = []
        for (before, image), between in zip(
            pairwise(frames), motions(size, camera, self.crop), strict=True
        ):
            between[:, 2] += rng.normal(0, _MISJUDGED, 2)
            aligned.append(moved(before, image, between))
        return aligned

    def _compressed(
        self, weathered: list[Image], cleans: list[Image], rng: np.random.Generator
    ) -> tuple[list[Image], list[Image]]:
        """Compresses some clips as video or as JPEG; both get the same random quality."""
        chosen = rng.random()
        if chosen < self.video:
            crf = sample_crf(rng)
            return compress_clip(weathered, crf), compress_clip(cleans, crf)
        if chosen < self.video + _JPEG * (1 - self.video):
            quality = int(rng.integers(60, 99))
            return [compress(image, quality) for image in weathered], [
                compress(image, quality) for image in cleans
            ]
        return weathered, cleans


def clip_tensor(frames: list[Image]) -> Tensor:
    """Converts frames (H, W, 3) uint8 BGR to (frames, 3, H, W) float32 RGB in [0, 1]."""
    return torch.stack([to_tensor(frame) for frame in frames])


def _drift(
    rng: np.random.Generator, speed: float
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    times = np.arange(FRAMES) - (FRAMES - 1) / 2
    return times[:, None] * rng.normal(0, speed, 2)


def _exposed(frames: list[Image], rate: float) -> list[Image]:
    """Changes the exposure by the factor `exp(rate)` from frame to frame."""
    return [
        np.clip(frame * math.exp(rate * time) + 0.5, 0, 255).astype(np.uint8)
        for time, frame in enumerate(frames)
    ]


def _with_noise(frames: list[Image], sigma: float, rng: np.random.Generator) -> list[Image]:
    """Adds the noise of a sensor, which differs from frame to frame."""
    shape = (len(frames), *frames[0].shape)
    noise = 255 * sigma * rng.standard_normal(shape, np.float32)
    return [
        np.clip(frame + added + 0.5, 0, 255).astype(np.uint8)
        for frame, added in zip(frames, noise, strict=True)
    ]
