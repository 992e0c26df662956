"""Renders seeded clips: photographs under a moving camera, behind falling rain."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from spikerain_edge.images import Image
from spikerain_training.motion import MARGIN, MOTIONS, filmed
from spikerain_training.seeded_rain import Severity, seeded_shower

SIDE = 192
"""Height and width of the frames in pixels; less if the photograph is smaller."""
CAMERAS = ("static", "panning", "hand-held")
"""Motions of the camera in evaluation clips (see `spikerain_training.motion`)."""


@dataclass(frozen=True)
class Clip:
    """Successive frames of a scene, (H, W, 3) uint8 BGR each.

    Attributes:
        rainy: the frames behind rain.
        clean: the same frames without rain.
    """

    rainy: list[Image]
    clean: list[Image]


def seeded_clip(photograph: Image, camera: str, severity: Severity, seed: int, frames: int) -> Clip:
    """Moves a virtual camera over a photograph behind rendered rain.

    The photograph is shrunk until little more than a frame is seen of it, so that it looks like
    the picture of a small camera. The strength of the rain is set so that the first frame has the
    PSNR of the severity, as in `seeded_rain`.

    Args:
        photograph: clean picture, (H, W, 3) uint8 BGR.
        camera: motion of the camera, one of `CAMERAS`.
        severity: strength of the rain.
        seed: seed of rain and camera.
        frames: number of frames.

    Raises:
        InputError: no strength of rain reaches the PSNR of the severity.
    """
    shortest = min(photograph.shape[:2])
    side = min(SIDE, shortest)
    scale = min(1.0, (side + 2 * MARGIN) / shortest)
    size = [max(side, round(length * scale)) for length in photograph.shape[1::-1]]
    shrunk = np.asarray(cv2.resize(photograph, size, interpolation=cv2.INTER_AREA), np.uint8)
    # Other numbers than those that draw the rain.
    motion = MOTIONS[camera](frames, np.random.default_rng((seed, 1)))
    clean = filmed(shrunk, motion, side)
    shower, strength = seeded_shower(clean[0], severity, seed)
    rainy = [shower.render(frame, float(time), strength) for time, frame in enumerate(clean)]
    return Clip(rainy, clean)
