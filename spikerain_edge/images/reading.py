"""Reads image files and lists them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def is_image(path: Path) -> bool:
    """Whether a path is that of a file with the suffix of an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def image_paths(folder: Path) -> list[Path]:
    """Image files of a folder, sorted by name.

    Raises:
        InputError: there is no such folder, or it holds no image.
    """
    if not folder.is_dir():
        raise InputError(f"no folder {folder}", "check the path")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise InputError(f"no images in {folder}", f"it needs {', '.join(sorted(IMAGE_SUFFIXES))}")
    return paths


def read_image(path: Path, remedy: str = "remove or replace the file") -> Image:
    """Reads an image file. Grey, alpha and 16-bit files become 8-bit BGR, turned as EXIF says.

    Args:
        path: the file.
        remedy: what the user can do about a file that cannot be decoded.

    Returns:
        The image, uint8 (H, W, 3) BGR.

    Raises:
        InputError: the file is missing or cannot be decoded.
    """
    try:
        packed = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", "check the path") from error
    try:
        image = cv2.imdecode(packed, cv2.IMREAD_COLOR) if packed.size else None
    except cv2.error:
        image = None
    if image is None or _is_cut_off_jpeg(packed):
        raise InputError(f"cannot decode the image {path}", remedy)
    return np.asarray(image, np.uint8)


def _is_cut_off_jpeg(packed: npt.NDArray[np.uint8]) -> bool:
    """Whether a JPEG ends before its last scan does, which OpenCV 4 fills with grey silently."""
    content = packed.tobytes()
    scan, end = content.rfind(b"\xff\xda"), content.rfind(b"\xff\xd9")
    return content.startswith(b"\xff\xd8") and end < scan
