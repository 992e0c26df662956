"""Reads pictures and lists them; needs no torch, so that a board finds pairs too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikerain_edge.errors import InputError
from spikerain_edge.stream import images

Image = npt.NDArray[np.uint8]
SUFFIXES = images.IMAGE_SUFFIXES


def image_paths(folder: Path) -> list[Path]:
    """Image files of a folder, sorted by name.

    Raises:
        FileNotFoundError: there is no such folder, or it holds no image.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise FileNotFoundError(f"no images in {folder}")
    return paths


def read_image(path: Path) -> Image:
    """Reads an image as (H, W, 3) uint8 BGR; raises `ValueError` where it cannot be decoded."""
    try:
        return images.read_image(path)
    except InputError as error:
        remedy = f"list all such files: spikerain-train prepare {path.parent}"
        raise ValueError(f"cannot read the image {path}; {remedy}") from error
