"""Clips, and workers of this process, for tests of batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.batch.outcome import Settings
from spikerain_edge.batch.task import Finished, Task
from spikerain_edge.batch.worker import Worker
from spikerain_edge.images import Image

RATE, SOUND_RATE = 25, 16_000


def scene(shift: int = 0, height: int = 48, width: int = 64) -> Image:
    """A smooth picture that moves to the right."""
    noise = np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    return np.roll(np.asarray(cv2.GaussianBlur(noise, (0, 0), 2), np.uint8), shift, axis=1)


def write_clip(
    path: Path,
    stamps: Sequence[int],
    *,
    keyframes: int = 5,
    parameters: str = "",
    sound: bool = True,
) -> Path:
    """Writes a clip with H.264 and AAC.

    Args:
        path: the file.
        stamps: when each frame is shown, in frames of a constant rate.
        keyframes: number of frames between keyframes.
        parameters: further parameters of x264.
        sound: whether it has a sound track.
    """
    options = {"g": str(keyframes), "x264-params": f"scenecut=0:{parameters}"}
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options=options)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream("aac", rate=SOUND_RATE) if sound else None
        for number, stamp in enumerate(stamps):
            picture = av.VideoFrame.from_ndarray(scene(number), format="bgr24")
            picture.pts = stamp
            container.mux(video.encode(picture))
        container.mux(video.encode())
        if track is not None:
            for start in range(0, stamps[-1] * SOUND_RATE // RATE, 1024):
                wave = np.sin(np.arange(start, start + 1024) / 9)[None] * 9000
                block = av.AudioFrame.from_ndarray(wave.astype(np.int16), "s16", "mono")
                block.sample_rate, block.pts = SOUND_RATE, start
                container.mux(track.encode(block))
            container.mux(track.encode())
    return path


@dataclass(frozen=True)
class Film:
    """What a video file holds.

    Attributes:
        times: time and duration of each packet of the video, in seconds.
        sound: time and content of each packet of the sound.
        images: decoded frames, float (N, H, W, 3).
        kind: size, shape of pixels, colours and codec headers.
    """

    times: list[tuple[float, float]]
    sound: list[tuple[float, bytes]]
    images: npt.NDArray[np.float64]
    kind: tuple[Any, ...]


def film(path: Path) -> Film:
    """Reads a whole video file."""

    def packets(**streams: int) -> list[Any]:
        with av.open(str(path)) as container:
            return [packet for packet in container.demux(**streams) if packet.size]

    with av.open(str(path)) as container:
        stream, has_sound = container.streams.video[0], bool(container.streams.audio)
        coder = stream.codec_context
        kind = (
            *(stream.width, stream.height, stream.sample_aspect_ratio, coder.extradata),
            *(coder.colorspace, coder.color_range, coder.color_primaries, coder.color_trc),
        )
        images = [frame.to_ndarray(format="bgr24") for frame in container.decode(stream)]
    return Film(
        [(float(p.pts * p.time_base), float(p.duration * p.time_base)) for p in packets(video=0)],
        [(float(p.pts * p.time_base), bytes(p)) for p in packets(audio=0)] if has_sound else [],
        np.array(images, np.float64),
        kind,
    )


@dataclass
class Here:
    """Workers in this process, in place of those of a cluster.

    Attributes:
        worker: does the work.
        deadly: names of inputs of which workers die.
        tasks: what was asked for, in order.
    """

    worker: Worker
    deadly: frozenset[str] = frozenset()
    tasks: list[Task] = field(default_factory=list)
    is_busy: bool = False

    @property
    def has_idle(self) -> bool:
        return not self.is_busy

    def submit(self, task: Task) -> None:
        self.tasks.append(task)
        self.is_busy = True

    def wait(self, seconds: float) -> list[Finished]:
        task, self.is_busy = self.tasks[-1], False
        items = task.arguments[0] if task.method == "stills" else []
        if self.deadly & {item.key for item in items}:
            return [Finished(task, died=True)]
        return [Finished(task, getattr(self.worker, task.method)(*task.arguments))]


def settings_for(output: Path, segment: int = 5) -> Settings:
    """Settings of a batch into a folder."""
    return Settings(("nano", "nano"), "cpu", 1, None, None, segment, output)
