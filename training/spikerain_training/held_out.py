"""Reads the images that a run is validated on."""

from __future__ import annotations

from pathlib import Path

from spikerain_edge.images import Image
from spikerain_edge.images.pairs import find_pairs
from spikerain_edge.images.picture import Half
from spikerain_edge.images.reading import image_paths
from spikerain_training.seeded_rain import named, read_scenes, require_measurable, severities


def held_out_scenes(folder: Path, rainy_half: Half | None = None) -> list[tuple[Image, Image]]:
    """Reads the pairs of a folder, or renders seeded medium rain in front of its clean images.

    Args:
        folder: pairs in a known layout (see `find_pairs`), or clean images.
        rainy_half: the rainy half, if every image holds a pair side by side.

    Returns:
        Pairs (rainy, clean); each image is (H, W, 3) uint8 BGR.

    Raises:
        InputError: the folder is missing or holds no image, no file names match, the images do
            not hold pairs side by side, or an image cannot be decoded or is too small for SSIM.
    """
    pairs = find_pairs(folder, rainy_half)
    if pairs is None:
        return read_scenes(image_paths(folder), severities()["medium"])
    scenes = []
    for pair in pairs:
        rainy, clean = pair.read()
        with named(pair.rainy.path):
            require_measurable(rainy, (), 0)
        scenes.append((rainy, clean))
    return scenes
