"""Paints the clip that the demo camera shows, and compares the clip with the painted frames.

The clip is H.264 in MP4 with GBR colours: every decoder gives the same result, and no colour
conversion follows. To replace the shipped clip, put the printed SHA-256 into
`spikerain_edge/stream/demo.py`. The exit code is 1 if the PSNR of a frame is below `--at-least`, or
if the file is larger than the demo camera accepts.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from scenery.painter import StreetPainter
from scenery.traffic import LOOP
from spikerain_edge.images import Image

_RATE = 25
_MOST_BYTES = 2_000_000
# One key frame is enough, because only the traffic moves.
_CODER = {"crf": "20", "preset": "slower", "g": str(LOOP)}


def main() -> int:
    """Paints, writes and checks the clip."""
    arguments = _parse()
    painter = StreetPainter()
    frames = [painter.paint(index) for index in range(LOOP)]
    write_clip(arguments.output, frames)
    worst = min(
        cv2.PSNR(frame, shown)
        for frame, shown in zip(frames, read_clip(arguments.output), strict=True)
    )
    content = arguments.output.read_bytes()
    print(f"{arguments.output}: {len(frames)} frames, {len(content):,} bytes")
    print(f"worst frame: {worst:.1f} dB PSNR against the painted frame")
    print(f"SHA-256: {hashlib.sha256(content).hexdigest()}")
    return int(worst < arguments.at_least or len(content) > _MOST_BYTES)


def write_clip(path: Path, frames: Sequence[Image]) -> None:
    """Writes frames (H, W, 3) uint8 BGR as a clip."""
    height, width = frames[0].shape[:2]
    with av.open(path, "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264rgb", rate=_RATE, options=_CODER)
        stream.width, stream.height, stream.pix_fmt = width, height, "bgr24"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())


def read_clip(path: Path) -> list[Image]:
    """Returns the frames (H, W, 3) uint8 BGR of a clip."""
    with av.open(path) as container:
        return [
            np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
            for frame in container.decode(video=0)
        ]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="file to write, such as a.mp4")
    parser.add_argument(
        "--at-least", type=float, default=40.0, help="fail if the PSNR of a frame is below this, dB"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
