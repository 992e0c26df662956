"""Pictures of data sets: image files, halves of image files, and rainy and clean pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Literal

from spikerain_edge.errors import InputError
from spikerain_edge.images import Image
from spikerain_edge.images.reading import read_image

Half = Literal["left", "right"]


@dataclass(frozen=True)
class Picture:
    """A picture file of a data set, or one half of it.

    Attributes:
        path: the file.
        half: half of the image to use; None for the whole image. The middle column of an odd
            width belongs to no half.
    """

    path: Path
    half: Half | None = None

    def read(self) -> Image:
        """Reads the picture as uint8 (H, W, 3) BGR.

        Raises:
            InputError: the file is missing or cannot be decoded.
        """
        remedy = f"list all such files: spikerain-train prepare {quote(str(self.path.parent))}"
        image = read_image(self.path, remedy)
        width = image.shape[1] // 2
        if self.half is None:
            return image
        return image[:, :width] if self.half == "left" else image[:, -width:]


@dataclass(frozen=True)
class Pair:
    """A rainy picture and the same scene without rain."""

    rainy: Picture
    clean: Picture

    def read(self) -> tuple[Image, Image]:
        """Reads the rainy and the clean picture, each uint8 (H, W, 3) BGR, of the same size.

        Raises:
            InputError: a file is missing or cannot be decoded, or the sizes differ.
        """
        rainy, clean = self.rainy.read(), self.clean.read()
        if rainy.shape != clean.shape:
            raise InputError(
                f"{self.rainy.path} is {size_text(rainy)} but "
                f"{self.clean.path} is {size_text(clean)}",
                "list all such pairs: spikerain-train prepare FOLDER",
            )
        return rainy, clean


def size_text(image: Image) -> str:
    """Returns the size of an image as text, width x height, such as `481x321`."""
    return f"{image.shape[1]}x{image.shape[0]}"
