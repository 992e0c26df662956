"""Measures a network on the held-out images or clips of a run, and saves samples of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from spikerain_edge.images import Image
from spikerain_edge.images.pairs import find_pairs
from spikerain_edge.images.picture import Half, Picture
from spikerain_edge.images.reading import image_paths
from spikerain_training.held_out import held_out_scenes
from spikerain_training.network import SpikeRain
from spikerain_training.restore import restore, restore_clip
from spikerain_training.seeded_clips import CAMERAS, Clip, seeded_clip
from spikerain_training.seeded_rain import (
    HeldOutQuality,
    held_out_quality,
    named,
    require_measurable,
    severities,
)
from spikerain_training.sheets import scene_sheet, write_film, write_sheet

_FRAMES = 6


class Validation(Protocol):
    """What a run measures its network on."""

    def measure(self, network: SpikeRain, sample: Path) -> HeldOutQuality:
        """Measures a network.

        Args:
            network: network in evaluation mode.
            sample: file to write a sample to; its suffix is replaced.

        Returns:
            Means over the held-out images.
        """
        ...


def open_validation(folder: Path, rainy_half: Half | None, frames: int) -> Validation:
    """Reads the held-out images of a run.

    Args:
        folder: pairs in a known layout, or clean images, which get seeded medium rain.
        rainy_half: the rainy half, if every image holds a pair side by side.
        frames: frames that the network reads; with 2, clean images become seeded clips.

    Raises:
        InputError: the folder is missing or holds no image, or an image cannot be used.
    """
    if frames == 1 or find_pairs(folder, rainy_half) is not None:
        return _Pictures(held_out_scenes(folder, rainy_half))
    return _Clips(_held_out_clips(folder))


class _Pictures:
    def __init__(self, scenes: Sequence[tuple[Image, Image]]) -> None:
        self._scenes = scenes

    def measure(self, network: SpikeRain, sample: Path) -> HeldOutQuality:
        restored = [restore(network, rainy) for rainy, _ in self._scenes]
        write_sheet(sample.with_suffix(".png"), scene_sheet(self._scenes, restored))
        return held_out_quality(self._scenes, restored)


class _Clips:
    """Clips in which the camera is static, pans and shakes in turn.

    The first frame of a clip has no previous frame, and is not measured.
    """

    def __init__(self, clips: Sequence[Clip]) -> None:
        self._clips = clips

    def measure(self, network: SpikeRain, sample: Path) -> HeldOutQuality:
        restored = [restore_clip(network, clip.rainy) for clip in self._clips]
        shown = [
            scene_sheet([_pair(clip, frame) for clip in self._clips], [r[frame] for r in restored])
            for frame in range(_FRAMES)
        ]
        write_film(sample.with_suffix(".mp4"), shown)
        pairs = [_pair(clip, frame) for clip in self._clips for frame in range(1, _FRAMES)]
        return held_out_quality(pairs, [image for images in restored for image in images[1:]])


def _held_out_clips(folder: Path) -> list[Clip]:
    clips = []
    for seed, path in enumerate(image_paths(folder)):
        photograph = Picture(path).read()
        with named(path):
            require_measurable(photograph, (), seed)
            camera = CAMERAS[seed % len(CAMERAS)]
            clips.append(seeded_clip(photograph, camera, severities()["medium"], seed, _FRAMES))
    return clips


def _pair(clip: Clip, frame: int) -> tuple[Image, Image]:
    return clip.rainy[frame], clip.clean[frame]
