"""Pictures of data sets: files, halves of files, and pairs of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
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
        half: which half to take; the whole file unless given. Odd widths lose the middle column.
    """

    path: Path
    half: Half | None = None

    def read(self) -> Image:
        """The picture as (H, W, 3) uint8 BGR.

        Raises:
            InputError: the file is missing or cannot be decoded.
        """
        others = f"list all such files: spikerain-train prepare {self.path.parent}"
        image = read_image(self.path, others)
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
        """Rainy and clean, each (H, W, 3) uint8 BGR of the same size.

        Raises:
            InputError: a file is missing or cannot be decoded, or the sizes differ.
        """
        rainy, clean = self.rainy.read(), self.clean.read()
        if rainy.shape != clean.shape:
            raise InputError(
                f"{self.rainy.path} is {size_text(rainy)} but "
                f"{self.clean.path} is {size_text(clean)}",
                "find all of them: spikerain-train prepare FOLDER",
            )
        return rainy, clean


def size_text(image: Image) -> str:
    """The size of an image as text, such as `481x321`: width x height."""
    return f"{image.shape[1]}x{image.shape[0]}"
