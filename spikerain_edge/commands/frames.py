"""Images for the profiling of a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spikerain_edge.images import Image
from spikerain_edge.images.scaling import crop_and_scale
from spikerain_edge.stream.album import MOST, read_album
from spikerain_edge.stream.demo import DemoScene

_DEMO_MOMENTS = (0, 40, 80, 120)


class ScaledFrames:
    """A few images that can be scaled to any size, and the frames before them.

    Args:
        folder: folder or glob of images, of which the first few are used; the built-in rainy
            scene if None.

    Attributes:
        note: a sentence for the report that says which images are used.
        paths: image files that are used.

    Raises:
        InputError: there are no images, or an image cannot be decoded.
        StreamError: an image cannot be read.
    """

    def __init__(self, folder: str | None) -> None:
        self.paths: Sequence[Path] = ()
        if folder is None:
            scene = DemoScene()
            self._images = [scene.rainy(moment) for moment in _DEMO_MOMENTS]
            self._previous: list[Image] = []
            self.note = f"Measured on {len(self._images)} frames of the built-in rainy scene."
            return
        album = read_album(folder, "--images")
        self._images, self.paths = album.images, album.paths
        filmed = len(album.paths) == 1
        self._previous = [album.images[0], *album.images[:-1]] if filmed else album.images
        self.note = _note(len(album.images), album.length, folder)

    def __call__(self, height: int, width: int) -> list[Image]:
        """Returns the images cropped and scaled to a size, each uint8 (height, width, 3) BGR."""
        return [crop_and_scale(image, height, width) for image in self._images]

    def previous(self, height: int, width: int) -> list[Image]:
        """Returns the frame before each image in the same size; a still picture is its own."""
        if not self._previous:
            scene = DemoScene()
            self._previous = [scene.rainy(moment - 1) for moment in _DEMO_MOMENTS]
        return [crop_and_scale(image, height, width) for image in self._previous]


def _note(used: int, length: int | None, folder: str) -> str:
    if length == used == 1:
        return f"Measured on one image, {folder}."
    if length == used:
        return f"Measured on all {used} images of {folder}."
    total = f" of {length}" if length else ""
    return f"Measured on the first {used}{total} images of {folder} (at most {MOST} are used)."
