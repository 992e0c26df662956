"""Simulates the compression of video."""

from __future__ import annotations

from collections.abc import Sequence

import av
import numpy as np

from spikerain_edge.images import Image

_LOW_QUALITY, _HIGH_QUALITY = 38, 20


def sample_crf(rng: np.random.Generator) -> int:
    """Draws a constant rate factor of H.264, from 20 (hardly any loss) to 38 (blocks are seen)."""
    return int(rng.integers(_HIGH_QUALITY, _LOW_QUALITY + 1))


def compress_as_video(frames: Sequence[Image], crf: int) -> Image:
    """Returns the last frame of a clip after `compress_clip`, (H, W, 3) uint8 BGR."""
    return compress_clip(frames, crf)[-1]


def compress_clip(frames: Sequence[Image], crf: int) -> list[Image]:
    """Encodes a clip as H.264, one intra frame and then predicted frames, and decodes it again.

    Args:
        frames: successive pictures of one size, each (H, W, 3) uint8 BGR.
        crf: constant rate factor of x264, 0 to 51; larger values lose more.

    Returns:
        All frames after decoding, each (H, W, 3) uint8 BGR.
    """
    height, width = frames[0].shape[:2]
    # 4:2:0 needs even sides.
    even = ((0, height % 2), (0, width % 2), (0, 0))
    padded = [np.pad(frame, even, mode="edge") for frame in frames]
    encoder = av.VideoCodecContext.create("libx264", "w")
    encoder.height, encoder.width = padded[0].shape[:2]
    encoder.pix_fmt, encoder.framerate = "yuv420p", 25  # type: ignore[assignment]
    encoder.thread_count = 1
    encoder.options = {"crf": str(crf), "preset": "veryfast", "tune": "zerolatency"}
    decoder = av.VideoCodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoded = []
    for index, frame in enumerate(padded):
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="bgr24")
        picture = picture.reformat(format="yuv420p")
        picture.pts = index
        for packet in encoder.encode(picture):
            decoded += decoder.decode(packet)
    for packet in encoder.encode(None):
        decoded += decoder.decode(packet)
    decoded += decoder.decode(None)
    pictures = (frame.to_ndarray(format="bgr24") for frame in decoded)
    return [np.ascontiguousarray(picture[:height, :width]) for picture in pictures]
