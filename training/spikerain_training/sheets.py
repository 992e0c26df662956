"""Draws sheets of sample images: each row shows a rainy, a derained and a clean image."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from torch import Tensor

from spikerain_edge.files import create_folder, write_whole
from spikerain_edge.images import Image
from spikerain_training.tensors import to_image

_ROWS = 4
_HEIGHT = 320


def batch_sheet(rainy: Tensor, restored: Tensor, clean: Tensor) -> Image:
    """Draws the first images of a batch; every argument is (B, 3, H, W) RGB in [0, 1]."""
    columns = (rainy, restored, clean)
    return np.vstack(
        [
            np.hstack([to_image(column[row].cpu()) for column in columns])
            for row in range(min(_ROWS, len(rainy)))
        ]
    )


def scene_sheet(scenes: Sequence[tuple[Image, Image]], restored: Sequence[Image]) -> Image:
    """Draws a few images, evenly spread over the held-out set.

    Args:
        scenes: rainy and clean images, (H, W, 3) uint8 BGR.
        restored: the derained images, (H, W, 3) uint8 BGR.

    Returns:
        At most four rows, (H, W, 3) uint8 BGR; all images are cropped to the same central part.
    """
    chosen = np.linspace(0, len(scenes) - 1, min(_ROWS, len(scenes))).round().astype(int)
    height = min(_HEIGHT, *(scenes[index][0].shape[0] for index in chosen))
    width = min(4 * height // 3, *(scenes[index][0].shape[1] for index in chosen))
    rows = [
        np.hstack([_middle(image, height, width) for image in (rainy, restored[index], clean)])
        for index in chosen
        for rainy, clean in [scenes[index]]
    ]
    return np.vstack(rows)


def write_sheet(path: Path, sheet: Image) -> None:
    """Writes a sheet as a PNG file, and creates its folder if needed."""
    _, packed = cv2.imencode(".png", sheet)
    create_folder(path.parent)
    write_whole(path, packed.tobytes())


def write_film(path: Path, sheets: Sequence[Image]) -> None:
    """Writes sheets, one for each frame of a clip, as an MP4 file (H.264, 5 frames a second).

    It creates the folder if needed. H.264 with halved colours needs even sides: a last row or
    column is left out.
    """
    height, width = (side // 2 * 2 for side in sheets[0].shape[:2])
    packed = io.BytesIO()
    with av.open(packed, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=5, options={"crf": "12"})
        stream.height, stream.width = height, width
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        for sheet in sheets:
            even = np.ascontiguousarray(sheet[:height, :width])
            frame = av.VideoFrame.from_ndarray(even, format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    create_folder(path.parent)
    write_whole(path, packed.getvalue())


def _middle(image: Image, height: int, width: int) -> Image:
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]
