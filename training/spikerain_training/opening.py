"""Logs the data, the network and the device of a run before its first step."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import torch

from spikerain_edge.images.pairs import Pairing, find_pairing
from spikerain_edge.images.reading import image_paths
from spikerain_training.recipe import Recipe
from spikerain_training.record import Data
from spikerain_training.unpaired import plural, warn_of_unpaired

_log = logging.getLogger(__name__)


def log_opening(recipe: Recipe, data: Data, device: torch.device, processes: int) -> None:
    """Logs one line per folder, warns of unpaired files, and logs the network and the device.

    Raises:
        InputError: a folder does not exist, holds no image or no pairs side by side, or two of its
            clean images have the same name.
    """
    # An error in any folder is raised before the first line is logged.
    pairings = {folder: find_pairing(folder, data.rainy_half.get(folder)) for folder in data.seen}
    for folder, weight in data.folders.items():
        _log_folder(f"data {folder}", f", weight {weight:g}", folder, pairings[folder])
    if data.validation:
        _log_folder(f"validation {data.validation}", "", data.validation, pairings[data.validation])
    count = f"{processes} processes" if processes > 1 else "1 process"
    default = replace(recipe, steps=Recipe().steps) == Recipe()
    _log.info(
        "training %s on %s, %s, up to step %d%s",
        *(recipe.variant, device.type, count, recipe.steps),
        " (the default recipe; --config FILE.toml takes another)" if default else "",
    )


def _log_folder(name: str, weight: str, folder: Path, pairing: Pairing | None) -> None:
    if pairing is None:
        count = plural(len(image_paths(folder)), "clean image")
        _log.info("%s: %s%s", name, count, weight)
        return
    _log.info("%s: %s, %s%s", name, pairing.layout, plural(len(pairing.pairs), "pair"), weight)
    warn_of_unpaired(folder, pairing)
