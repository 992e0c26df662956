"""Says in a few words how weights differ from the network they were meant for."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from spikerain_training.config import variants
from spikerain_training.network import SpikeRain

Shapes = dict[str, tuple[int, ...]]


def mismatch(weights: Mapping[str, Tensor], network: nn.Module) -> str:
    """The first tensor that does not fit and how many more there are; empty where all fit.

    Args:
        weights: what was found, by name.
        network: what it is to be loaded into.
    """
    found, wanted = _shapes(weights), _shapes(network.state_dict())
    names = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
    if not names:
        return ""
    first = names[0]
    if first not in found:
        text = f"{first} is missing"
    elif first not in wanted:
        text = f"{first} belongs to no layer"
    else:
        text = f"{first} is {_size(found[first])}, not {_size(wanted[first])}"
    more = f", and {len(names) - 1} more tensors differ" if len(names) > 1 else ""
    return text + more


def variant_of(weights: Mapping[str, Tensor]) -> str | None:
    """The named network that weights have the shapes of; none where they fit no such network."""
    found = _shapes(weights)
    for name, config in variants().items():
        with torch.device("meta"):
            if _shapes(SpikeRain(config).state_dict()) == found:
                return name
    return None


def _shapes(weights: Mapping[str, Tensor]) -> Shapes:
    return {name: tuple(value.shape) for name, value in weights.items()}


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a number"
