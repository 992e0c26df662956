"""What a run is validated on: held-out pairs, or clean images behind seeded rain."""

from __future__ import annotations

from pathlib import Path

from spikerain_edge.images import Image
from spikerain_edge.images.pairs import Half, find_pairs
from spikerain_edge.images.reading import image_paths
from spikerain_training.seeded_rain import named, read_scenes, require_measurable, severities


def held_out_scenes(folder: Path, rainy_half: Half | None = None) -> list[tuple[Image, Image]]:
    """Rainy and clean pictures, each (H, W, 3) uint8 BGR: a folder's pairs, or seeded medium rain.

    Args:
        folder: pairs in a known layout (see `find_pairs`), or else clean images.
        rainy_half: every picture holds a pair side by side, and this half of it is rainy.

    Raises:
        InputError: no such folder, or no picture in it; the pictures do not hold pairs side by
            side; nothing in it matches, or a picture cannot be decoded or measured.
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
