"""What a run says before its first step: what it will see, and where it trains."""

from __future__ import annotations

from pathlib import Path

import torch

from spikerain_edge.images.pairs import find_pairing
from spikerain_edge.images.reading import image_paths
from spikerain_training.recipe import Recipe
from spikerain_training.record import Data
from spikerain_training.unpaired import counted, left_out


def opening(recipe: Recipe, data: Data, device: torch.device, processes: int) -> list[str]:
    """A line for every folder, with what it leaves out, and one for network and machine.

    Raises:
        InputError: a folder does not exist, holds no image or no pairs side by side, or its
            pictures cannot be told apart.
    """
    lines = [
        line
        for folder, weight in data.folders.items()
        for line in _folder(f"data {folder}", f", weight {weight:g}", folder, data)
    ]
    if data.validation:
        lines += _folder(f"validation {data.validation}", "", data.validation, data)
    count = f"{processes} processes" if processes > 1 else "1 process"
    return [*lines, f"training {recipe.variant} on {device.type}, {count}"]


def _folder(name: str, weight: str, folder: Path, data: Data) -> list[str]:
    pairing = find_pairing(folder, data.rainy_half.get(folder))
    if pairing is None:
        return [f"{name}: clean images, {counted(len(image_paths(folder)), 'picture')}{weight}"]
    pairs = counted(len(pairing.pairs), "pair")
    return [f"{name}: {pairing.layout}, {pairs}{weight}", *left_out(folder, pairing)]
