"""Scores methods on seeded clips and on real ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.picture import Picture
from spikerain_edge.images.reading import image_paths
from spikerain_edge.stream.video import open_video
from spikerain_training.evaluation.clip_scores import (
    WARM_UP,
    ClipScore,
    frame_change,
    kept_tracks,
    score_clip,
    static_region,
)
from spikerain_training.evaluation.outcomes import RAINY
from spikerain_training.evaluation.video_methods import VideoMethod
from spikerain_training.seeded_clips import CAMERAS, Clip, seeded_clip
from spikerain_training.seeded_rain import named, require_measurable, severities

FRAMES = 10
"""Frames of a seeded clip."""
_REAL_FRAMES = 120


@dataclass(frozen=True)
class ClipScene:
    """A seeded clip; it is rendered when needed.

    Attributes:
        camera: motion of the camera.
        severity: strength of the rain.
        photograph: file over which the virtual camera moves.
        seed: seed of rain and camera.
    """

    camera: str
    severity: str
    photograph: Path
    seed: int

    @property
    def condition(self) -> str:
        """Group whose clips are averaged."""
        return f"{self.camera}, {self.severity}"

    def render(self) -> Clip:
        """Renders the clip.

        Raises:
            InputError: the file cannot be decoded, is too small for SSIM, or cannot be made rainy
                enough; the message names it.
        """
        picture = Picture(self.photograph).read()
        with named(self.photograph):
            require_measurable(picture, (), self.seed)
            level = severities()[self.severity]
            return seeded_clip(picture, self.camera, level, self.seed, FRAMES)


@dataclass(frozen=True)
class SeededScore:
    """Score of one method on one seeded clip."""

    scene: ClipScene
    method: str
    score: ClipScore

    def row(self) -> dict[str, Any]:
        """Returns plain values for CSV and JSON."""
        scene = self.scene
        known = {"camera": scene.camera, "severity": scene.severity, "image": scene.photograph.stem}
        return {**known, "method": self.method, **asdict(self.score)}


@dataclass(frozen=True)
class RealScore:
    """Scores of one method on a real clip, which has no ground truth.

    Attributes:
        clip: name of the file.
        method: name of the method, or `rainy` for the input.
        change: mean absolute change from frame to frame where nothing but rain moves, in levels.
        tracks: feature tracks that live for 10 frames (see `kept_tracks`).
    """

    clip: str
    method: str
    change: float
    tracks: float


def clip_scenes(folder: Path, limit: int | None) -> list[ClipScene]:
    """Returns seeded clips of all cameras and severities; picture `i` gets seed `i`.

    Raises:
        InputError: the folder does not exist or holds no image.
    """
    paths = list(enumerate(image_paths(folder)[:limit]))
    return [
        ClipScene(camera, severity, path, seed)
        for camera, severity in product(CAMERAS, severities())
        for seed, path in paths
    ]


def seeded_scores(
    scenes: Iterable[ClipScene], methods: Sequence[VideoMethod]
) -> Iterator[SeededScore]:
    """Scores the rainy input and all methods on every clip.

    Raises:
        InputError: a photograph cannot be used.
    """
    for scene in scenes:
        clip = scene.render()
        yield SeededScore(scene, RAINY, score_clip(clip.rainy, clip.clean))
        for method in methods:
            yield SeededScore(
                scene, method.name, score_clip(method.restore(clip.rainy), clip.clean)
            )


def real_scores(path: Path, methods: Sequence[VideoMethod]) -> Iterator[RealScore]:
    """Scores the rainy input and all methods on the first 120 frames of a real clip.

    Raises:
        InputError: the file is not a video, or it is too short.
    """
    frames = _first_frames(path)
    region = static_region(frames)
    if not region.any():
        raise InputError(f"nothing stands still in {path}", "name a clip of a static camera")
    yield RealScore(path.name, RAINY, frame_change(frames, region), kept_tracks(frames))
    for method in methods:
        restored = method.restore(frames)
        yield RealScore(
            path.name, method.name, frame_change(restored, region), kept_tracks(restored)
        )


def _first_frames(path: Path) -> list[Image]:
    source = open_video(path)
    try:
        frames = [frame.image for frame in islice(source, _REAL_FRAMES)]
    finally:
        source.close()
    if len(frames) < WARM_UP + 2:
        raise InputError(
            f"{path} has {len(frames)} frames, but at least {WARM_UP + 2} are needed",
            "name a longer clip",
        )
    return frames
