"""Reads image files and lists them."""

from __future__ import annotations

import logging
from pathlib import Path
from shlex import quote
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.damage import is_damaged
from spikerain_edge.images.formats import format_of
from spikerain_edge.images.heic import can_read_heic, decode_heic
from spikerain_edge.images.page import Page
from spikerain_edge.images.pages import durations, images_in
from spikerain_edge.images.png import opacity_by_colour
from spikerain_edge.images.profiles import colour_profile

_log = logging.getLogger(__name__)

_WITH_PAGES = {"AVIF", "GIF", "PNG", "TIFF", "WebP"}
_WITH_ALPHA = _WITH_PAGES | {"JPEG 2000"}
IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def image_paths(folder: Path) -> list[Path]:
    """Lists the image files of a folder, sorted by name.

    Raises:
        InputError: the folder does not exist or contains no image files.
    """
    if not folder.is_dir():
        raise InputError(
            f"the folder {folder} does not exist", f"check the path: ls {quote(str(folder.parent))}"
        )
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise InputError(
            f"there are no images in {folder}",
            f"add files with one of these suffixes: {', '.join(sorted(IMAGE_SUFFIXES))}",
        )
    return paths


def read_image(path: Path, remedy: str = "remove or replace the file") -> Image:
    """Reads an image file as 8-bit BGR and applies its EXIF orientation.

    Grey, alpha and 16-bit images are converted. Of several pages or frames, only the first is read.

    Args:
        path: the image file.
        remedy: what the user can do if the file cannot be decoded.

    Returns:
        The image, uint8 (H, W, 3) BGR.

    Raises:
        InputError: the file is missing, damaged or cannot be decoded.
    """
    packed, form = _read(path, remedy)
    if form == "HEIC":
        return _heic_pages(path, packed, remedy)[0].image
    image = _decoded(packed, cv2.IMREAD_COLOR)
    if image is None:
        raise _undecodable(path, form, remedy)
    return image


def read_pages(path: Path) -> list[Page]:
    """Reads every page of a document, or every frame of an animation, with its opacity.

    Args:
        path: the image file.

    Raises:
        InputError: the file is missing, damaged or cannot be decoded.
    """
    remedy = "remove or replace the file"
    packed, form = _read(path, remedy)
    if form == "HEIC":
        return _heic_pages(path, packed, remedy)
    images = _all_decoded(packed, form, cv2.IMREAD_COLOR)
    if not images:
        raise _undecodable(path, form, remedy)
    content = packed.tobytes()
    if form is not None and (held := images_in(content, form)) > len(images):
        raise InputError(
            f"{path} holds {held} images, of which {len(images)} can be decoded",
            "split it into files, or upgrade: pip install --upgrade opencv-python-headless",
        )
    profile = None if form is None else colour_profile(content, form)
    opacities = _opacities(path, packed, form, images)
    shown = durations(packed, form, len(images))
    return [
        Page(image, opacity, profile, duration)
        for image, opacity, duration in zip(images, opacities, shown, strict=True)
    ]


def _opacities(
    path: Path, packed: npt.NDArray[np.uint8], form: str | None, images: list[Image]
) -> list[Image | None]:
    """The opacity (H, W) of each image, None if it is opaque; says if colours lose depth."""
    opaque: list[Image | None] = [None] * len(images)
    if form not in _WITH_ALPHA:
        return opaque
    whole = _all_decoded(packed, form, cv2.IMREAD_UNCHANGED)
    if whole and whole[0].dtype != np.uint8:
        _log.warning("%s has more than 8 bits per channel; it is read with 8", path)
    if len(whole) != len(images):
        return opaque
    found = [_opacity(image, full) for image, full in zip(images, whole, strict=True)]
    if form == "PNG" and len(images) == 1 and found[0] is None:
        alpha = opacity_by_colour(packed.tobytes())
        return [alpha if alpha is not None and alpha.shape == images[0].shape[:2] else None]
    return found


def _read(path: Path, remedy: str) -> tuple[npt.NDArray[np.uint8], str | None]:
    """Returns the content of a file and the name of its format.

    Raises:
        InputError: the file cannot be read or is damaged.
    """
    try:
        packed = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", f"check the path: ls -l {quote(str(path))}"
        ) from error
    if not packed.size:
        raise InputError(f"the image {path} is empty", remedy)
    content = packed.tobytes()
    form = format_of(content)
    if form is not None and is_damaged(content, form):
        raise InputError(f"the image {path} is damaged or cut off", remedy)
    return packed, form


def _heic_pages(path: Path, packed: npt.NDArray[np.uint8], remedy: str) -> list[Page]:
    """Returns the images of a HEIC file, the main one first.

    Raises:
        InputError: the extra `heic` is not installed, or the file cannot be decoded.
    """
    if not can_read_heic():
        raise InputError(
            f"{path} is a HEIC image, which needs a library of its own",
            "install it: pip install 'spikerain-edge[heic]'",
        )
    pages = decode_heic(packed.tobytes())
    if not pages:
        raise _undecodable(path, "HEIC", remedy)
    return pages


def _decoded(packed: npt.NDArray[np.uint8], flags: int) -> Image | None:
    try:
        image = cv2.imdecode(packed, flags) if packed.size else None
    except cv2.error:
        return None
    return None if image is None else np.asarray(image)


def _all_decoded(packed: npt.NDArray[np.uint8], form: str | None, flags: int) -> list[Image]:
    """Decodes all pages if the installed OpenCV can, otherwise the first one."""
    if form in _WITH_PAGES:
        try:
            decoded, images = cv2.imdecodemulti(packed, flags)
        except cv2.error:
            decoded, images = False, ()
        if decoded and len(images) > 1:
            return [np.asarray(image) for image in images]
    image = _decoded(packed, flags)
    return [] if image is None else [image]


def _opacity(image: Image, full: npt.NDArray[Any]) -> Image | None:
    """Returns the alpha channel (H, W) of `full`, the stored image; None if it is opaque."""
    if full.ndim != 3 or full.shape[2] != 4 or full.shape[:2] != image.shape[:2]:
        return None
    alpha = full[..., 3]
    if alpha.dtype == np.uint16:
        alpha = (alpha >> 8).astype(np.uint8)
    return None if alpha.min() == 255 else np.ascontiguousarray(alpha)


def _undecodable(path: Path, form: str | None, remedy: str) -> InputError:
    if form is None:
        return InputError(f"cannot decode the image {path}", remedy)
    return InputError(
        f"cannot decode the image {path} ({form})", f"{remedy}, or convert it to PNG or JPEG"
    )
